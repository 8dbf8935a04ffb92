/**
 * Which files are mapped into some process's memory. The kernel of 2008 refused to swap
 * under a mapping; today's can, but a program may store into a shared mapping at any
 * moment, and the copy would be for nothing. Read from /proc/PID/maps:
 *
 *   7f12a0000000-7f12a0021000 r-xp 00000000 08:02 131 /usr/lib/libc.so
 */
import { readdirSync, readFileSync } from 'node:fs'

const line = /^[0-9a-f]+-[0-9a-f]+ (\S+) [0-9a-f]+ ([0-9a-f]+):([0-9a-f]+) (\d+)/gm

/** 'stored': shared and writable, so that what a program stores becomes the file's contents. */
export type Mapping = 'any' | 'stored'

export class MappedFiles {
  private read = -Infinity
  private holders: Record<Mapping, Map<number, number>> = { any: new Map(), stored: new Map() }

  private readonly device: string

  /** @param device 'major:minor' of the filesystem, decimal */
  constructor(device: string) {
    this.device = device
  }

  /**
   * @param age milliseconds an answer may be old
   * @returns a process that has the file mapped that way
   */
  holder(inode: number, age: number, mapping: Mapping = 'any'): number | undefined {
    if (performance.now() - this.read > age) this.look()
    return this.holders[mapping].get(inode)
  }

  private look(): void {
    this.read = performance.now()
    this.holders = { any: new Map(), stored: new Map() }
    for (const process of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      let text: string
      try {
        text = readFileSync(`/proc/${process}/maps`, 'latin1')
      } catch {
        continue // It ended meanwhile.
      }
      for (const [, permissions, major, minor, inode] of text.matchAll(line)) {
        if (inode === '0' || `${Number.parseInt(major!, 16)}:${Number.parseInt(minor!, 16)}` !== this.device) continue
        this.holders.any.set(Number(inode), Number(process))
        if (permissions![1] === 'w' && permissions![3] === 's') this.holders.stored.set(Number(inode), Number(process))
      }
    }
  }
}
