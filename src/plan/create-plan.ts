/**
 * From a volume and a trace to a plan: the thin edge around the pure decision. Reads
 * what the decision needs, widens the view while it is not enough, puts names and
 * the fingerprint on the result. Writes nothing.
 */
import type { TraceRead } from '../trace/trace.js'
import type { Volume } from '../volume/volume.js'
import { measureLayout } from '../measure/measure.js'
import { referenceModel } from '../measure/disk-model.js'
import type { LayoutMeasure } from '../measure/layout-measure.js'
import { BootpackError, usageError } from '../errors.js'
import { bootItems, type BootItems, type Granularity } from './boot-items.js'
import { resolveTrace, type BootSet } from './boot-set.js'
import { fingerprintOf, touchedLayouts } from './fingerprint.js'
import { nameFiles } from './name-trace.js'
import { candidateGoals, commonDirectory, goalAtBlock, goalOfDirectory } from './goal.js'
import { noRoom, pack, wholeDisk, type Packing } from './packing.js'
import type { Plan, PlanGoal, PlanVolume, PlannedMove, Skip } from './plan.js'
import { regionAround, takeSnapshot, type Snapshot } from './snapshot.js'

export interface PlanOptions {
  /** As the user wrote it; goes into the plan so that it can be applied later. */
  readonly target: string
  /** Take the goal from this directory. */
  readonly directory?: string
  /** Take this block as the goal, or compare candidates. */
  readonly goal?: number | 'auto'
  readonly evict: boolean
  /** Pack directories, tree and attribute blocks too, where the engine can. */
  readonly metadata: boolean
  /** 'file' unless given. */
  readonly granularity?: Granularity
}

export interface PlanningResult {
  readonly plan: Plan
  readonly boot: BootSet
}

/** Boots over which the one-off cost of writing is spread when goals are compared. */
const bootsPerPacking = 10

/** @throws no-space, usage, or what the volume throws */
export async function createPlan(volume: Volume, trace: Iterable<TraceRead>, options: PlanOptions): Promise<PlanningResult> {
  const boot = await nameFiles(await resolveTrace(trace, volume), volume)
  if (boot.files.length === 0) {
    throw usageError('empty-boot-set', `None of the trace's files is on this filesystem (${boot.missing.length} are missing).`,
      'Check that the trace belongs to this target.')
  }
  const { metadata, granularity = 'file' } = options
  const items = bootItems(boot, volume.moves, { metadata, granularity, blockSize: volume.geometry().blockSize })
  let best: { goal: PlanGoal, packing: Packing, snapshot: Snapshot } | undefined
  for (const goal of await goalsToTry(volume, boot, options)) {
    const { packing, snapshot } = await packAround(volume, boot, items, goal, options.evict)
    if (!best || worth(packing) < worth(best.packing)) best = { goal, packing, snapshot }
  }
  const { goal, packing, snapshot } = best!
  const before = measureLayout(boot.reads, boot.layout, volume.geometry(), boot.missing.length)
  const evicting = options.evict ? undefined : withEviction(snapshot, boot, items, goal, packing.predicted)
  const rounds = await nameMoves(packing.rounds, boot, volume)
  const plan: Plan = {
    bootpack: 'plan',
    version: 1,
    volume: await identity(volume, options, rounds),
    goal,
    runs: packing.runs,
    gaps: packing.gaps,
    rounds,
    skipped: [...items.skipped, ...missingFiles(boot)],
    cost: packing.cost,
    measure: { before, predicted: packing.predicted },
    ...(evicting && { withEviction: { cost: evicting.cost, predicted: evicting.predicted } }),
  }
  return { plan, boot }
}

/** What decides between goals: modelled milliseconds of a boot, plus its share of the writing. */
const worth = ({ predicted, cost }: Packing): number =>
  predicted.modelMs[referenceModel]! + cost.bytesWritten / 120_000 / bootsPerPacking

async function goalsToTry(volume: Volume, boot: BootSet, { goal, directory }: PlanOptions): Promise<PlanGoal[]> {
  if (typeof goal === 'number') return [goalAtBlock(volume, goal)]
  if (directory !== undefined && goal === undefined) return [await goalOfDirectory(volume, directory)]
  const paths = boot.files.flatMap((inode) => boot.layout.get(inode)!.path ?? [])
  const common = await goalOfDirectory(volume, directory ?? commonDirectory(paths))
  return goal === 'auto' ? [{ ...common, chosenBy: 'auto' }, ...candidateGoals(volume, boot)] : [common]
}

/** Looks further and further until the boot set fits without a gap that others cause. */
async function packAround(volume: Volume, boot: BootSet, { items }: BootItems, goal: PlanGoal, evict: boolean): Promise<{ packing: Packing, snapshot: Snapshot }> {
  const blocks = items.reduce((sum, { length }) => sum + length, 0)
  let best: { packing: Packing, snapshot: Snapshot } | undefined
  for (let widen = 0; ; widen++) {
    const snapshot = await takeSnapshot(volume, regionAround(goal.block, blocks, volume.geometry(), widen))
    const packing = pack(snapshot, { boot, items, goal: goal.block, exact: goal.chosenBy === 'flag', evict })
    if (packing && (!best || worth(packing) < worth(best.packing))) best = { packing, snapshot }
    const last = wholeDisk(snapshot.geometry, snapshot.region)
    if (best && (last || best.packing.gaps.length === 0 || widen >= 1)) return best
    if (last) throw noRoom(snapshot, items, evict)
  }
}

/** What --evict would give, if it is better than doing without. */
function withEviction(snapshot: Snapshot, boot: BootSet, { items }: BootItems, goal: PlanGoal, without: LayoutMeasure): Packing | undefined {
  try {
    const packing = pack(snapshot, { boot, items, goal: goal.block, exact: goal.chosenBy === 'flag', evict: true })
    return packing && packing.predicted.modelMs[referenceModel]! < without.modelMs[referenceModel]! ? packing : undefined
  } catch (error) {
    // Too full to untangle: then there is nothing to advise.
    if (error instanceof BootpackError && error.family === 'no-space') return undefined
    throw error
  }
}

async function nameMoves(rounds: Packing['rounds'], boot: BootSet, volume: Volume): Promise<PlannedMove[][]> {
  const nameless = new Set<number>()
  for (const { inode } of rounds.flat()) if (boot.layout.get(inode)?.path === undefined) nameless.add(inode)
  const names = nameless.size === 0 ? new Map<number, string>() : await volume.paths(nameless)
  return rounds.map((round) => round.map((move) => {
    const path = boot.layout.get(move.inode)?.path ?? names.get(move.inode)
    const { inode, kind, logical, length, from, to, why, staging } = move
    return { inode, ...(path !== undefined && { path }), kind, logical, length, from, to, why, ...(staging && { staging }) }
  }))
}

const missingFiles = (boot: BootSet): Skip[] =>
  boot.missing.map((file) => ({ ...file, kind: 'data', reason: 'missing', blocks: 0 }))

async function identity(volume: Volume, options: PlanOptions, rounds: readonly (readonly PlannedMove[])[]): Promise<PlanVolume> {
  const { uuid, blockSize, blockCount } = volume.geometry()
  return {
    target: options.target,
    ...(volume.partition !== undefined && { partition: volume.partition }),
    uuid,
    blockSize,
    blockCount,
    fingerprint: fingerprintOf(await touchedLayouts(volume, rounds)),
  }
}
