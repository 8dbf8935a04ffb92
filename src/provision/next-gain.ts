/** What a mounted filesystem that was just packed could gain yet: packed at rest, and read in advance. */
import type { FsBlock } from '../layout/block.js'
import { onlyWhileMounted } from '../layout/reason.js'
import { packingAtRest } from '../plan/at-rest.js'
import { objectiveFor } from '../plan/objective.js'
import type { PlanOptions } from '../plan/create-plan.js'
import type { Skip } from '../plan/plan.js'
import { bootItems } from '../plan/resolve/boot-items.js'
import type { BootSet } from '../plan/resolve/boot-set.js'
import { regionAround, takeSnapshot } from '../plan/resolve/snapshot.js'
import { sweepCost } from '../preload/cost.js'
import { planSweep, type SweepOptions } from '../preload/prefetch-plan.js'
import type { Volume } from '../volume/volume.js'

export interface NextGain {
  /** The disk model of all figures. */
  readonly model: string
  /** What stays only because the filesystem is mounted. */
  readonly stays: readonly Skip[]
  /** Modelled milliseconds of a boot as the disk is now. */
  readonly nowMs: number
  /** Packed at rest; absent where nothing stays, or there is no room for it. */
  readonly atRestMs?: number
  /** With a sweep of preload, on the best of these layouts. */
  readonly withPreloadMs?: number
}

/**
 * @param boot as it lies after packing
 * @param goal of the packing
 */
export async function nextGain(
  volume: Volume,
  boot: BootSet,
  goal: FsBlock,
  options: Pick<PlanOptions, 'disk' | 'granularity' | 'metadata'>,
  sweeping: Omit<SweepOptions, 'model'>,
): Promise<NextGain> {
  const { granularity = 'file', metadata } = options
  const objective = objectiveFor(options.disk)
  const geometry = volume.geometry()
  const model = objective.disk
  const { items, skipped } = bootItems(boot, volume.moves, {
    metadata,
    granularity,
    trees: volume.capabilities.treeGrowth,
  })
  const stays = skipped.filter(({ reason }) => onlyWhileMounted.has(reason))
  const blocks = items.reduce((sum, { length }) => sum + length, 0) + stays.reduce((sum, each) => sum + each.blocks, 0)
  const rest =
    stays.length === 0
      ? undefined
      : packingAtRest(boot, await takeSnapshot(volume, regionAround(goal, blocks, geometry, 0)), {
          goal,
          granularity,
          objective,
        })
  const homes = new Map<number, FsBlock>()
  const { inodeTables } = volume.capabilities
  if (inodeTables) for (const inode of boot.layout.keys()) homes.set(inode, (await inodeTables.place(inode)).block)
  const swept = (layout: BootSet['layout']): number => {
    const there = { ...boot, layout }
    const { sweepMs, restMs } = sweepCost(
      planSweep(there, geometry, homes, { ...sweeping, model }),
      there,
      geometry,
      model,
    )
    return sweepMs + restMs
  }
  const nowMs = sweepCost(nothing(geometry.blockSize), boot, geometry, model).withoutMs
  const atRestMs = rest && objective.bootMs(rest.predicted)
  const gained = atRestMs !== undefined && atRestMs < nowMs
  return {
    model: model.name,
    stays,
    nowMs,
    ...(gained && { atRestMs }),
    ...(homes.size > 0 && { withPreloadMs: swept(gained ? rest!.layout : boot.layout) }),
  }
}

const nothing = (blockSize: number): Parameters<typeof sweepCost>[0] => ({
  blockSize,
  wanted: { 'inode-table': 0, directory: 0, tree: 0, xattr: 0, symlink: 0, bitmap: 0, probe: 0 },
  metadata: [],
  files: [],
  leftOut: [],
  bytes: 0,
})
