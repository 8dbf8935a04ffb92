import { fsBlock, type FsBlock } from '../layout/block.js'
import type { BlockRun } from '../layout/run.js'
import type { Geometry } from '../volume/volume.js'
import { needAligned } from './alignment.js'
import { callError } from '../volume/call-error.js'

/** One extent of free space, the mail's `struct alloc_extent`. */
export interface AllocExtent {
  /** Byte of the filesystem. */
  readonly start: number
  /** Bytes. */
  readonly len: number
}

/** What is asked of a filesystem here; every Volume and every BlockSpace has it. */
export interface FreeSpace {
  geometry(): Pick<Geometry, 'blockSize' | 'blockCount'>
  freeRuns(from: FsBlock, to: FsBlock): Promise<BlockRun[]>
}

/** Blocks that are looked at in one go, so that a few extents of a large filesystem cost little. */
const blocksAtOnce = 1 << 19

/**
 * Describes the free space of a filesystem between two bytes: Jan Kara's
 * `sys_get_free_blocks(fs, start, end, count, space)`.
 *
 * An extent that reaches over `start` or `end` is reported as far as it lies between
 * them. The answer is of the moment: on a mounted filesystem the space can be taken by
 * the time it is looked at.
 *
 * @param fs    a volume or a block space; the mail names it by its mount point, which is
 *   what openVolume takes
 * @param start byte, a multiple of the block size
 * @param end   byte behind the last one, a multiple of the block size; beyond the end
 *   of the filesystem it means that end
 * @param count at most so many extents are reported, the first ones
 * @returns in ascending order, no two of them touching
 * @throws EINVAL for what is not aligned, an end before the start, a negative count
 * Source: the mail "[RFC] Online defragmentation: system calls" to linux-ext4.
 */
export async function getFreeBlocks(fs: FreeSpace, start: number, end: number, count: number): Promise<AllocExtent[]> {
  const { blockSize, blockCount } = fs.geometry()
  const from = needAligned('The start', start, blockSize)
  const to = Math.min(needAligned('The end', end, blockSize), blockCount)
  if (end < start) throw callError('EINVAL', `The end ${end} is before the start ${start}.`)
  if (!Number.isSafeInteger(count) || count < 0) throw callError('EINVAL', `${count} is not a number of extents.`)
  const found: BlockRun[] = []
  for await (const run of freeRunsFrom(fs, from, to)) {
    if (found.length >= count) break
    found.push(run)
  }
  return found.map((run) => ({ start: run.start * blockSize, len: run.length * blockSize }))
}

/** Free runs of [from, to), joined where one look ends and the next begins. Looks no further than it is asked to. */
export async function* freeRunsFrom(
  fs: FreeSpace,
  from: number,
  to: number,
): AsyncGenerator<BlockRun, void, undefined> {
  let open: { start: number; length: number } | undefined
  for (let at = from; at < to; at += blocksAtOnce) {
    const limit = Math.min(to, at + blocksAtOnce)
    for (const { start, length } of await fs.freeRuns(fsBlock(at), fsBlock(limit))) {
      if (open && open.start + open.length === start) open.length += length
      else {
        if (open) yield { start: fsBlock(open.start), length: open.length }
        open = { start, length }
      }
    }
    if (open && open.start + open.length < limit) {
      yield { start: fsBlock(open.start), length: open.length }
      open = undefined
    }
  }
  if (open) yield { start: fsBlock(open.start), length: open.length }
}
