import type { FsBlock } from '../layout/block.js'
import type { FileLayout } from '../layout/file-layout.js'
import { blockRun, type BlockRun } from '../layout/run.js'
import { RunSet } from '../layout/run-set.js'

/** Consecutive bytes of a file, both multiples of {@link partUnit}. */
export interface FilePart {
  readonly offset: number
  readonly length: number
}

/**
 * Bytes: what parts of files are counted in, here and in lists, whatever a page is. A kernel
 * with larger pages reads each that a part touches, whole.
 */
export const partUnit = 4096

export interface SweptParts {
  readonly first: FsBlock
  readonly bytes: number
  /** Undefined when the file is read whole. */
  readonly parts?: readonly FilePart[]
}

/**
 * Which part of a file to read: all of it, unless the boot leaves so much unread in one
 * place that a jump over it is cheaper than reading through.
 * @param read   blocks of the file
 * @param bridge blocks, see bridge.ts
 * @returns undefined when the boot reads nothing of it from the disk
 */
export function sweptParts(file: FileLayout, read: RunSet, bridge: number, blockSize: number): SweptParts | undefined {
  const written = RunSet.of(
    file.extents.filter(({ unwritten }) => !unwritten).map(({ logical, length }) => blockRun(logical, length)),
  )
  // Beyond the end of the file nothing can be read, allocated or not.
  const end = Math.ceil(file.size / blockSize)
  const joined: { from: number; to: number }[] = []
  let at = 0
  for (const run of read) {
    for (const { start, length } of written.within(run)) {
      const until = Math.min(end, start + length)
      if (until <= start) continue
      const last = joined.at(-1)
      if (last && blocksWithin(written, last.to, start) <= bridge) last.to = until
      else
        joined.push({ from: blocksWithin(written, at, start) <= bridge && joined.length === 0 ? 0 : start, to: until })
      at = until
    }
  }
  const first = joined[0]
  const last = joined.at(-1)
  if (!first || !last) return undefined
  if (blocksWithin(written, last.to, end) <= bridge) last.to = end
  const bytes = joined.reduce((sum, { from, to }) => sum + blocksWithin(written, from, to), 0) * blockSize
  const physical = physicalAt(file, [...written.within(blockRun(first.from, first.to - first.from))][0]!)
  if (joined.length === 1 && first.from === 0 && last.to === end) return { first: physical, bytes }
  return { first: physical, bytes, parts: inUnits(joined, blockSize) }
}

function inUnits(ranges: readonly { readonly from: number; readonly to: number }[], blockSize: number): FilePart[] {
  const units = new RunSet()
  for (const { from, to } of ranges) {
    const start = Math.floor((from * blockSize) / partUnit)
    units.add(blockRun(start, Math.ceil((to * blockSize) / partUnit) - start))
  }
  return [...units].map(({ start, length }) => ({ offset: start * partUnit, length: length * partUnit }))
}

function blocksWithin(set: RunSet, from: number, to: number): number {
  if (to <= from) return 0
  let sum = 0
  for (const { length } of set.within(blockRun(from, to - from))) sum += length
  return sum
}

function physicalAt({ extents }: FileLayout, { start }: BlockRun): FsBlock {
  const holder = extents.find(({ logical, length }) => logical <= start && start < logical + length)!
  return (holder.physical + (start - holder.logical)) as FsBlock
}
