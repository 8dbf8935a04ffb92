import { zeroRuns } from '../../bytes/bitset.js'
import type { Filesystem } from '../read/filesystem.js'
import { groupLength, groupStart } from '../format/group-layout.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import { Allocator } from '../../mballoc/allocator.js'
import type { AllocationRequest } from '../../mballoc/request.js'
import { callError } from '../../volume/call-error.js'

/** Groups whose bitmaps are brought in when one of them is needed. */
const groupsAhead = 32

class MissingGroup extends Error {
  readonly group: number

  constructor(group: number) {
    super(`the bitmap of group ${group} has not been read`)
    this.group = group
  }
}

/**
 * Finds free blocks of an image by the allocator, which asks for groups one by one and
 * at once, while bitmaps are read in the background: a group that is missing ends the
 * search, is read, and the search begins anew with all that is known by then.
 * @throws ENOSPC; corrupt when a bitmap contradicts its group's descriptor
 */
export async function findOnImage(filesystem: Filesystem, request: AllocationRequest): Promise<BlockRun[]> {
  const { superblock, groups } = filesystem
  const known = new Map<number, BlockRun[]>()
  const search = (): BlockRun[] | undefined | MissingGroup => {
    const allocator = new Allocator({
      geometry: superblock,
      freeCount: (group) => groups.get(group).freeBlocks,
      loadGroup: (group) => {
        const runs = known.get(group)
        if (!runs) throw new MissingGroup(group)
        return runs
      },
    })
    try {
      return allocator.find(request)
    } catch (error) {
      if (error instanceof MissingGroup) return error
      throw error
    }
  }
  for (;;) {
    const found = search()
    if (!found) throw callError('ENOSPC', `There is no free space that would do for ${request.length} blocks.`)
    if (!(found instanceof MissingGroup)) return found
    const end = Math.min(superblock.groupCount, found.group + groupsAhead)
    await filesystem.prefetchBlockBitmaps(found.group, end)
    for (let group = found.group; group < end; group++)
      if (!known.has(group)) known.set(group, await freeRunsOf(filesystem, group))
  }
}

async function freeRunsOf(filesystem: Filesystem, group: number): Promise<BlockRun[]> {
  const start = groupStart(filesystem.superblock, group)
  const bits = await filesystem.blockBitmap(group)
  return [...zeroRuns(bits, 0, groupLength(filesystem.superblock, group))].map(([bit, length]) =>
    blockRun(start + bit, length),
  )
}
