/**
 * What the kernel counts of a block device since the machine was started
 * (Documentation/admin-guide/iostats.rst).
 */
import type { DiskUse } from './figures.js'

const sector = 512

/**
 * @param text of /proc/diskstats; lines may be parted by semicolons, as in an environment variable
 * @param device 'major:minor'
 */
export function countersOf(text: string, device: string): DiskUse | undefined {
  for (const line of text.split(/[\n;]/)) {
    const words = line.trim().split(/\s+/)
    if (`${words[0]}:${words[1]}` !== device) continue
    const [requests, sectors, busyMs] = [words[3], words[5], words[12]].map(Number)
    if (![requests, sectors, busyMs].every(Number.isFinite)) return undefined
    return { requests: requests!, bytes: sectors! * sector, busyMs: busyMs! }
  }
  return undefined
}

/**
 * What a boot asked of the disk, without what it took to load the program that asks.
 * @param before as it was before that program was loaded; undefined: then its own reads are among them
 * @param loaded when it was
 * @param end    when the boot was over
 */
export function useOfBoot(before: DiskUse | undefined, loaded: DiskUse, end: DiskUse): DiskUse {
  const own = (name: keyof DiskUse): number => (before ? Math.max(0, loaded[name] - before[name]) : 0)
  return {
    requests: end.requests - own('requests'),
    bytes: end.bytes - own('bytes'),
    busyMs: end.busyMs - own('busyMs'),
  }
}
