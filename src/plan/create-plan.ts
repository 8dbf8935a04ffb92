/**
 * From a volume and a trace to a plan: the thin edge around the pure decision. Reads
 * what the decision needs, widens the view while it is not enough, puts names and
 * the fingerprint on the result. Writes nothing.
 */
import type { TraceRead } from '../trace/model/trace.js'
import type { Volume } from '../volume/volume.js'
import type { DiskModel } from '../measure/disk-model.js'
import { BootpackError, refused } from '../errors.js'
import { bootItems, type BootItems, type Granularity } from './resolve/boot-items.js'
import { resolveTrace, type BootSet } from './resolve/boot-set.js'
import { nothingThere, refuseMisfit, type FitOptions } from './resolve/trace-fit.js'
import { describePacking } from './describe-packing.js'
import { nameFiles } from './resolve/name-trace.js'
import { refuseFixedNumbers, refuseNumberedTrace, withInodeReads } from './resolve/inode-reads.js'
import { tellsInodes } from './inodes/remap-table-reads.js'
import { withInodes } from './inodes/choose-numbers.js'
import { objectiveFor, type Objective } from './objective.js'
import { layoutAfter } from './predict.js'
import { candidateGoals, commonDirectory, goalAtBlock, goalOfDirectory } from './place/goal.js'
import { noRoom, pack, wholeDisk, type Packing, type PackingRequest } from './place/packing.js'
import type { Plan, PlanGoal } from './plan.js'
import { regionAround, takeSnapshot, type Snapshot } from './resolve/snapshot.js'

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
  /** Give the boot's inodes neighbouring places in the inode tables, where the engine can. */
  readonly inodes?: boolean
  /** Bytes that may be written; any number unless given. */
  readonly mostBytes?: number
  /** The disk that is packed for; the reference disk unless given. */
  readonly disk?: DiskModel
  /** What to think of a trace that does not fit the volume. */
  readonly fit?: FitOptions
}

export interface PlanningResult {
  readonly plan: Plan
  readonly boot: BootSet
  /** Whether it should be carried out: packing when a boot is noticeably better, mending when it is worth its bytes. */
  readonly worthwhile: boolean
}

/** @throws no-space, usage, refused when it would write more than it may, unsupported where numbers are fixed, or what the volume throws */
export async function createPlan(
  volume: Volume,
  trace: Iterable<TraceRead>,
  options: PlanOptions,
): Promise<PlanningResult> {
  const { metadata, granularity = 'file', inodes = false } = options
  const objective = objectiveFor(options.disk)
  const recorded = [...trace]
  if (inodes) {
    refuseFixedNumbers(volume)
    await refuseNumberedTrace(recorded, volume)
  }
  const found = await findBootSet(volume, recorded, options.fit)
  const boot = inodes ? await withInodeReads(found, volume) : found
  const items = bootItems(boot, volume.moves, {
    metadata,
    granularity,
    trees: volume.capabilities.treeGrowth,
  })
  let best: { goal: PlanGoal; packing: Packing; snapshot: Snapshot } | undefined
  for (const goal of await goalsToTry(volume, boot, options)) {
    const { packing, snapshot } = await packAround(volume, { boot, items, goal, evict: options.evict, objective })
    if (!best || isCheaper(objective, packing, best.packing, snapshot)) best = { goal, packing, snapshot }
  }
  const { goal, packing, snapshot } = best!
  const { mostBytes } = options
  if (mostBytes !== undefined && packing.cost.bytesWritten > mostBytes) {
    throw refused(
      'too-much-to-write',
      `Packing would write ${packing.cost.bytesWritten.toLocaleString('en-US')} bytes, more than the ${mostBytes.toLocaleString('en-US')} of --max-bytes.`,
      'Allow more, or bring back only what left the run with --drifted.',
    )
  }
  const evicting = options.evict
    ? undefined
    : withEviction(snapshot, { boot, items, goal, evict: true, objective }, packing)
  let plan = await describePacking(volume, {
    boot,
    goal,
    packing,
    skipped: items.skipped,
    target: options.target,
    objective,
  })
  if (inodes) {
    const knownFrom = tellsInodes(found.reads) ? 'loads' : 'reads'
    plan = await withInodes(
      plan,
      volume,
      boot,
      layoutAfter(boot.layout, packing.rounds, volume.capabilities.treeGrowth),
      knownFrom,
      objective,
    )
  }
  return {
    boot,
    worthwhile: objective.isBetter(plan.measure.predicted, plan.measure.before),
    plan: { ...plan, ...(evicting && { withEviction: { cost: evicting.cost, predicted: evicting.predicted } }) },
  }
}

/** @throws usage when none of the trace's files is there, or, unless any trace will do, when it does not fit */
export async function findBootSet(volume: Volume, trace: Iterable<TraceRead>, fit: FitOptions = {}): Promise<BootSet> {
  const boot = await nameFiles(await resolveTrace(trace, volume), volume)
  refuseMisfit(boot, fit)
  if (boot.files.length === 0) throw nothingThere(boot, fit.foreign)
  return boot
}

const isCheaper = (objective: Objective, one: Packing, other: Packing, { geometry }: Snapshot): boolean =>
  objective.totalMs(one, geometry) < objective.totalMs(other, geometry)

async function goalsToTry(volume: Volume, boot: BootSet, { goal, directory }: PlanOptions): Promise<PlanGoal[]> {
  if (typeof goal === 'number') return [goalAtBlock(volume, goal)]
  if (directory !== undefined && goal === undefined) return [await goalOfDirectory(volume, directory)]
  const paths = boot.files.flatMap((inode) => boot.layout.get(inode)!.path ?? [])
  const common = await goalOfDirectory(volume, directory ?? commonDirectory(paths))
  return goal === 'auto' ? [{ ...common, chosenBy: 'auto' }, ...candidateGoals(volume, boot)] : [common]
}

interface GoalRequest {
  readonly boot: BootSet
  readonly items: BootItems
  readonly goal: PlanGoal
  readonly evict: boolean
  readonly objective: Objective
}

const packingRequest = ({ boot, items, goal, evict, objective }: GoalRequest): PackingRequest => ({
  boot,
  items: items.items,
  goal: goal.block,
  exact: goal.chosenBy === 'flag',
  evict,
  objective,
})

/** Looks further and further until the boot set fits without a gap that others cause. */
async function packAround(volume: Volume, request: GoalRequest): Promise<{ packing: Packing; snapshot: Snapshot }> {
  const {
    items: { items },
    goal,
    evict,
    objective,
  } = request
  const blocks = items.reduce((sum, { length }) => sum + length, 0)
  let best: { packing: Packing; snapshot: Snapshot } | undefined
  for (let widen = 0; ; widen++) {
    const snapshot = await takeSnapshot(volume, regionAround(goal.block, blocks, volume.geometry(), widen))
    const packing = pack(snapshot, packingRequest(request))
    if (packing && (!best || isCheaper(objective, packing, best.packing, snapshot))) best = { packing, snapshot }
    const last = wholeDisk(snapshot.geometry, snapshot.region)
    if (best && (last || best.packing.gaps.length === 0 || widen >= 1)) return best
    if (last) throw noRoom(snapshot, items, evict)
  }
}

/** What --evict would give, if it is better than doing without. */
function withEviction(snapshot: Snapshot, request: GoalRequest, without: Packing): Packing | undefined {
  const { bootMs } = request.objective
  try {
    const packing = pack(snapshot, packingRequest(request))
    return packing && bootMs(packing.predicted) < bootMs(without.predicted) ? packing : undefined
  } catch (error) {
    // Too full to untangle: then there is nothing to advise.
    if (error instanceof BootpackError && error.family === 'no-space') return undefined
    throw error
  }
}
