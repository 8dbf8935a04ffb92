import { fsBlock, type FsBlock } from './block.js'

/** Consecutive physical blocks. */
export interface BlockRun {
  readonly start: FsBlock
  readonly length: number
}

export const blockRun = (start: number, length: number): BlockRun => ({ start: fsBlock(start), length })

/** The first block after the run. */
export const runEnd = (run: BlockRun): FsBlock => fsBlock(run.start + run.length)

export const runsOverlap = (a: BlockRun, b: BlockRun): boolean =>
  a.start < b.start + b.length && b.start < a.start + a.length

/** The common part of two runs, if any. */
export function intersectRuns(a: BlockRun, b: BlockRun): BlockRun | undefined {
  const start = Math.max(a.start, b.start)
  const end = Math.min(a.start + a.length, b.start + b.length)
  return end > start ? blockRun(start, end - start) : undefined
}
