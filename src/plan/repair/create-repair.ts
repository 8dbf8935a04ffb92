/**
 * From a volume, a trace and perhaps the plan that packed it to a plan that brings
 * back only what left the run. The thin edge around drift.ts and repacking.ts.
 */
import { refused, usageError } from '../../errors.js'
import { runEnd, type BlockRun } from '../../layout/run.js'
import type { TraceRead } from '../../trace/model/trace.js'
import type { Volume } from '../../volume/volume.js'
import { bootItems } from '../resolve/boot-items.js'
import { findBootSet, type PlanningResult, type PlanOptions } from '../create-plan.js'
import { describePacking } from '../describe-packing.js'
import { findDrift, type Drift } from './drift.js'
import { objectiveFor } from '../objective.js'
import { wholeDisk } from '../place/packing.js'
import type { Plan, PlanGoal } from '../plan.js'
import { repack } from './repacking.js'
import { regionAround, takeSnapshot, type Snapshot } from '../resolve/snapshot.js'

export interface RepairOptions extends Omit<PlanOptions, 'goal' | 'directory'> {
  /** The plan that packed the boot set, or mended it last; without it the run is looked for in the layout. */
  readonly packed?: Plan
}

export interface RepairResult extends PlanningResult {
  readonly drift: Drift
}

/**
 * @throws usage when the boot set is packed nowhere, refused when the plan is for
 *   another filesystem, or what the volume throws
 */
export async function createRepair(
  volume: Volume,
  trace: Iterable<TraceRead>,
  options: RepairOptions,
): Promise<RepairResult> {
  const { packed, metadata, granularity = 'file', evict, mostBytes = Infinity, target } = options
  const { uuid, blockSize, blockCount } = volume.geometry()
  if (packed && packed.volume.uuid !== uuid) {
    throw refused(
      'other-filesystem',
      `The plan is for the filesystem ${packed.volume.uuid}; this one is ${uuid}.`,
      'Give the plan that packed this one, or none.',
    )
  }
  if (packed?.runs.some((run) => runEnd(run) > blockCount)) {
    throw refused(
      'other-size',
      'The plan is for this filesystem when it was larger: its run reaches beyond the end.',
      'Pack it anew.',
    )
  }
  if (options.inodes)
    throw usageError(
      'inodes-of-drifted',
      'Inodes are placed when everything is packed, not when a few files are brought back.',
      'Leave out --drifted or --inodes.',
    )
  const boot = await findBootSet(volume, trace, options.fit)
  const { items, skipped } = bootItems(boot, volume.moves, {
    metadata,
    granularity,
    trees: volume.capabilities.treeGrowth,
  })
  const drift = findDrift(items, boot.layout, packed)
  const { runs } = drift
  if (runs.length === 0) {
    throw usageError(
      'not-packed',
      'The boot set is not packed on this filesystem, or too little of it is left in one place to tell where.',
      'Pack it first; with the plan that did it (--plan) less is enough to tell.',
    )
  }
  const snapshot = await snapshotOf(
    volume,
    runs,
    items.reduce((sum, { length }) => sum + length, 0),
  )
  const objective = objectiveFor(options.disk)
  const packing = repack(snapshot, {
    boot,
    items,
    runs,
    evict,
    mostBlocks: Math.floor(mostBytes / blockSize),
    objective,
  })
  const goal: PlanGoal = { block: runs[0]!.start, chosenBy: 'run' }
  const plan = await describePacking(volume, { boot, goal, packing, skipped, target, objective })
  return { boot, drift, plan, worthwhile: objective.weigh(plan).worthIt }
}

/** The disk around the run, as far as the size of the boot set asks for and until all of the run is in it. */
async function snapshotOf(volume: Volume, runs: readonly BlockRun[], blocks: number): Promise<Snapshot> {
  const geometry = volume.geometry()
  for (let widen = 0; ; widen++) {
    const region = regionAround(runs[0]!.start, blocks, geometry, widen)
    if (runEnd(region) >= runEnd(runs.at(-1)!) || wholeDisk(geometry, region)) return takeSnapshot(volume, region)
  }
}
