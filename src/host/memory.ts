import { readFileSync } from 'node:fs'

/** Figures of /proc/meminfo (proc(5)), in bytes; undefined where the kernel has no such line. */
export function memoryFigure(name: 'MemTotal' | 'MemAvailable' | 'SwapFree' | 'SwapTotal'): number | undefined {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))
  return line ? Number(line[1]) * 1024 : undefined
}
