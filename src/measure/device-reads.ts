/**
 * Read order x layout = what the disk is asked for.
 *
 * Every block is read once: what was read before is in the page cache. Holes and
 * unwritten extents are answered without the disk. What is left is a sequence of
 * physical runs in time order, where a run that starts where the last one ended
 * continues it.
 */
import { lowerBound } from '../lower-bound.js'
import { RunSet } from '../layout/run-set.js'
import { blockRun, type BlockRun } from '../layout/run.js'
import type { DiskLayout, FileLayout } from '../layout/file-layout.js'
import type { BootRead } from './boot-read.js'

export interface DeviceRead extends BlockRun {
  readonly t?: number
}

/** A physical run, and which block of its owner it begins with (as in BootRead). */
interface OwnedPiece extends BlockRun {
  readonly block: number
}

/** Physical runs of one read, in the order of the file. */
export function* physicalRuns(read: BootRead, layout: DiskLayout): Generator<OwnedPiece> {
  if (read.kind === 'device') {
    yield { ...blockRun(read.block, read.length), block: read.block }
    return
  }
  const file = layout.get(read.inode)
  if (!file) return
  if (read.kind === 'inode') {
    if (file.table) yield { ...file.table.read, block: 0 }
  } else if (read.kind === 'tree') {
    for (const [i, block] of file.tree.slice(read.block, read.block + read.length).entries())
      yield { ...blockRun(block, 1), block: read.block + i }
  } else if (read.kind === 'xattr') {
    if (file.xattr !== undefined) yield { ...blockRun(file.xattr, 1), block: 0 }
  } else {
    yield* extentRuns(file, read.block, read.block + read.length)
  }
}

function* extentRuns(file: FileLayout, from: number, to: number): Generator<OwnedPiece> {
  const { extents } = file
  const low = lowerBound(extents.length, (place) => extents[place]!.logical + extents[place]!.length > from)
  for (let i = low; i < extents.length && extents[i]!.logical < to; i++) {
    const { logical, physical, length, unwritten } = extents[i]!
    if (unwritten) continue
    const start = Math.max(from, logical)
    yield { ...blockRun(physical + (start - logical), Math.min(to, logical + length) - start), block: start }
  }
}

/** The sequence of device reads, neighbours in time and place joined. */
export function deviceReads(reads: readonly BootRead[], layout: DiskLayout): DeviceRead[] {
  const cached = new RunSet()
  const sequence: DeviceRead[] = []
  for (const read of reads) {
    for (const run of physicalRuns(read, layout)) {
      for (const cold of [...cached.missingFrom(run)]) {
        cached.add(cold)
        const last = sequence.at(-1)
        if (last && last.start + last.length === cold.start) {
          sequence[sequence.length - 1] = { ...last, length: last.length + cold.length }
        } else {
          sequence.push(read.t === undefined ? cold : { ...cold, t: read.t })
        }
      }
    }
  }
  return sequence
}
