import { fsBlock, type FsBlock } from '../../layout/block.js'
import { runEnd, type BlockRun } from '../../layout/run.js'
import type { OwnedKind, OwnedRun } from '../../layout/owner.js'
import { RunSet } from '../../layout/run-set.js'
import type { TreeShape } from '../../layout/tree-size.js'
import { inPieces } from '../../mballoc/free-space.js'
import type { Geometry, Volume } from '../../volume/volume.js'

/** What a volume looked like around the goal. */
export interface Snapshot {
  readonly geometry: Geometry
  readonly movable: ReadonlySet<OwnedKind>
  /** What trees over files need, where the engine tells. */
  readonly trees?: TreeShape
  /** The part of the disk that was looked at. */
  readonly region: BlockRun
  readonly free: RunSet
  /** Sorted by start. */
  readonly owned: readonly OwnedRun[]
}

/** Blocks looked at on both sides of the goal, at the least: 2 GiB with 4 KiB blocks. */
const leastReach = 512 * 1024

/** How many times the boot set the region is, so that evicted files find homes. */
const reachPerBlock = 64

/**
 * The part of the disk a plan needs to know: the more is to be placed, the further.
 * A region is whole block groups. It does not grow with the disk.
 * @param widen each step looks eight times as far
 */
export function regionAround(goal: FsBlock, blocks: number, geometry: Geometry, widen: number): BlockRun {
  const reach = Math.max(leastReach, reachPerBlock * blocks) * 8 ** widen
  const { blocksPerGroup, firstDataBlock, blockCount } = inPieces(geometry)
  const group = (block: number): number => Math.floor((block - firstDataBlock) / blocksPerGroup)
  const start = firstDataBlock + group(Math.max(firstDataBlock, goal - reach)) * blocksPerGroup
  const end = Math.min(blockCount, firstDataBlock + (group(goal + reach) + 1) * blocksPerGroup)
  return { start: fsBlock(start), length: end - start }
}

export async function takeSnapshot(volume: Volume, region: BlockRun): Promise<Snapshot> {
  const free = RunSet.of(await volume.freeRuns(region.start, runEnd(region)))
  const owned = await volume.owners(region)
  const trees = volume.capabilities.treeGrowth
  return { geometry: volume.geometry(), movable: volume.moves, region, free, owned, ...(trees && { trees }) }
}
