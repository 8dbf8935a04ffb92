/**
 * One pass over a filesystem: inodes by bulkstat in batches, and of each batch the worst
 * tenth first, so that a run that ends early has done what helps most.
 */
import { xfsBulkstat, type XfsInode } from '../kernel/bulkstat.js'
import { regular, typeMask } from '../filesystem/xfs-filesystem.js'
import { defragmentFile, type Workshop } from './defragment-file.js'
import type { FileOutcome } from './outcome.js'

const batchSize = 64

export interface PassOptions {
  /** First inode to look at. */
  readonly from: number
  /** How many of each hundred files to reorganise. */
  readonly percent: number
  /** Asked before every file. */
  readonly stop: () => boolean
  readonly onOutcome: (outcome: FileOutcome) => void
}

export interface PassEnd {
  /** False when it was stopped. */
  readonly finished: boolean
  /** All inodes up to this one were dealt with. */
  readonly inode: number
  /** Files that were reorganised or tried in vain. */
  readonly tried: number
}

export async function runPass(workshop: Workshop, options: PassOptions): Promise<PassEnd> {
  let done = options.from - 1
  let tried = 0
  for (;;) {
    if (options.stop()) return { finished: false, inode: Math.max(0, done), tried }
    const batch = xfsBulkstat(workshop.filesystem.root, done + 1, batchSize)
    if (batch.length === 0) return { finished: true, inode: 0, tried }
    let left = Math.ceil((batch.length * options.percent) / 100)
    for (const { inode } of worstFirst(batch)) {
      if (left <= 0) break
      // Signals are delivered between two files.
      await new Promise((resolve) => setImmediate(resolve))
      if (options.stop()) return { finished: false, inode: Math.max(0, done), tried }
      const outcome = defragmentFile(workshop, inode)
      if (outcome.status === 'improved' || outcome.status === 'failed' || outcome.status === 'would-try') {
        left--
        tried++
      }
      options.onOutcome(outcome)
    }
    done = batch.at(-1)!.inode
  }
}

/** Regular files of more than one extent, those with most extents first. */
export const worstFirst = (batch: readonly XfsInode[]): XfsInode[] =>
  batch
    .filter(({ mode, extents }) => (mode & typeMask) === regular && extents > 1)
    .sort((a, b) => b.extents - a.extents || a.inode - b.inode)
