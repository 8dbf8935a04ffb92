/** How long the disks have been quiet, told by the kernel's counts of reads that ended. */
import { readFileSync } from 'node:fs'

export interface DiskCounts {
  readonly name: string
  /** Reads that ended since boot. */
  readonly reads: number
}

/** /proc/diskstats by 'major:minor'; see Documentation/admin-guide/iostats.rst. */
export function parseDiskstats(text: string): Map<string, DiskCounts> {
  const counts = new Map<string, DiskCounts>()
  for (const line of text.split('\n')) {
    const [major, minor, name, reads] = line.trim().split(/\s+/)
    if (reads === undefined) continue
    counts.set(`${major}:${minor}`, { name: name!, reads: Number(reads) })
  }
  return counts
}

/** Disks that are memory or a file on another one, which is counted itself. */
const notDisks = /^(?:loop|ram|zram)\d/

export class QuietDisk {
  private reads = -1
  private changed = 0

  private readonly devices: ReadonlySet<string>
  private readonly read: () => string

  /**
   * @param devices 'major:minor'; those without a count are ignored, and all disks of
   *   the machine are watched when none has one or none is given
   * @param read    gives the text of /proc/diskstats
   */
  constructor(devices: ReadonlySet<string> = new Set(), read = () => readFileSync('/proc/diskstats', 'utf8')) {
    this.devices = devices
    this.read = read
  }

  /**
   * Looks at the disks.
   * @param now milliseconds of a clock that never goes back
   * @returns milliseconds since the last look that saw a new read; 0 at the first look
   */
  look(now: number): number {
    const counts = parseDiskstats(this.read())
    const named = [...this.devices].flatMap((device) => counts.get(device) ?? [])
    const watched = named.length > 0 ? named : [...counts.values()].filter(({ name }) => !notDisks.test(name))
    const reads = watched.reduce((sum, each) => sum + each.reads, 0)
    if (reads !== this.reads) {
      this.reads = reads
      this.changed = now
    }
    return now - this.changed
  }
}
