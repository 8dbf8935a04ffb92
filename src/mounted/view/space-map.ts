/**
 * Free space as the kernel's allocator sees it, in blocks. Space freed by unlink or
 * by a move counts only after a commit: syncfs before, where that matters.
 */
import { fsBlock } from '../../layout/block.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import { getFsMap } from '../../kernel/getfsmap.js'

/** Free runs within `within`, cut to it. */
export function freeSpace(root: number, blockSize: number, within: BlockRun): RunSet {
  const free = new RunSet()
  const end = within.start + within.length
  for (const { physical, length } of getFsMap(root, within.start * blockSize, end * blockSize, 'free')) {
    const from = Math.max(within.start, physical / blockSize)
    const to = Math.min(end, (physical + length) / blockSize)
    if (to > from) free.add(blockRun(from, to - from))
  }
  return free
}

/** The block group a block belongs to, as a run. */
export function groupRun(
  geometry: { readonly firstDataBlock: number; readonly blocksPerGroup: number; readonly blockCount: number },
  block: number,
): BlockRun {
  const { firstDataBlock, blocksPerGroup, blockCount } = geometry
  const start = firstDataBlock + Math.floor((block - firstDataBlock) / blocksPerGroup) * blocksPerGroup
  return { start: fsBlock(start), length: Math.min(blocksPerGroup, blockCount - start) }
}
