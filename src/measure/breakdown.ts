import { RunSet } from '../layout/run-set.js'
import type { DiskLayout } from '../layout/file-layout.js'
import type { BootRead } from './boot-read.js'
import { physicalRuns } from './device-reads.js'

/** What one file, or one kind of fixed block, costs a boot. */
export interface CostShare {
  /** Path, 'inode N' for a file without a name, or 'inode tables, bitmaps and the like'. */
  readonly name: string
  readonly seeks: number
  readonly seekDistanceBlocks: number
  readonly readBlocks: number
}

export const fixedShareName = 'inode tables, bitmaps and the like'

/**
 * Who makes the head jump: every jump is the doing of the read that is jumped to.
 * The sums over all shares are those of measureLayout.
 * @returns most seeks first
 */
export function shareCosts(reads: readonly BootRead[], layout: DiskLayout, by: 'file' | 'directory'): CostShare[] {
  const shares = new Map<string, { seeks: number; seekDistanceBlocks: number; readBlocks: number }>()
  const cached = new RunSet()
  let head: number | undefined
  for (const read of reads) {
    const name = shareName(read, layout, by)
    for (const run of physicalRuns(read, layout)) {
      for (const cold of [...cached.missingFrom(run)]) {
        cached.add(cold)
        let share = shares.get(name)
        if (!share) shares.set(name, (share = { seeks: 0, seekDistanceBlocks: 0, readBlocks: 0 }))
        if (head !== undefined && head !== cold.start) {
          share.seeks++
          share.seekDistanceBlocks += Math.abs(cold.start - head)
        }
        share.readBlocks += cold.length
        head = cold.start + cold.length
      }
    }
  }
  return [...shares]
    .map(([name, share]) => ({ name, ...share }))
    .sort((a, b) => b.seeks - a.seeks || b.readBlocks - a.readBlocks || (a.name < b.name ? -1 : 1))
}

function shareName({ kind, inode }: BootRead, layout: DiskLayout, by: 'file' | 'directory'): string {
  if (kind === 'device') return fixedShareName
  const path = layout.get(inode)?.path
  if (path === undefined) return `inode ${inode}`
  if (by === 'file' || kind === 'directory') return path
  return path.slice(0, Math.max(1, path.lastIndexOf('/')))
}
