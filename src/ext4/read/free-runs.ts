import { zeroRuns } from '../../bytes/bitset.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import type { Filesystem } from './filesystem.js'
import { groupLength, groupOfBlock, groupStart } from '../format/group-layout.js'

/** Groups whose block bitmaps are brought in at once. */
const bitmapsAhead = 128

/**
 * Free blocks in [from, to), sorted, joined across groups. Reads only the bitmaps of
 * the groups in between; those of groups never written to cost nothing.
 * @throws corrupt when a bitmap is damaged or fixed metadata is marked free
 */
export async function findFreeRuns(filesystem: Filesystem, from: number, to: number): Promise<BlockRun[]> {
  const { superblock } = filesystem
  const start = Math.max(from, superblock.firstDataBlock)
  const end = Math.min(to, superblock.blockCount)
  const runs: BlockRun[] = []
  if (start >= end) return runs
  const last = groupOfBlock(superblock, end - 1)
  let openStart = 0
  let openLength = 0
  const close = (): void => {
    if (openLength > 0) runs.push(blockRun(openStart, openLength))
  }
  for (let group = groupOfBlock(superblock, start), ahead = group; group <= last; group++) {
    if (group === ahead) {
      ahead = Math.min(last + 1, group + bitmapsAhead)
      await filesystem.prefetchBlockBitmaps(group, ahead)
    }
    const base = groupStart(superblock, group)
    const bits = await filesystem.blockBitmap(group)
    for (const [bit, length] of zeroRuns(
      bits,
      Math.max(0, start - base),
      Math.min(end - base, groupLength(superblock, group)),
    )) {
      if (openStart + openLength === base + bit) openLength += length
      else {
        close()
        openStart = base + bit
        openLength = length
      }
    }
  }
  close()
  return runs
}
