/**
 * The same boot on two layouts, to be shown side by side.
 *
 * What is known of a boot differs: a filesystem as it is; a plan for it, not carried
 * out, or carried out, or half; a copy from before. The invariant of every pair: both
 * views read the same files in the same order, and only where the blocks lie differs.
 */
import { refused } from '../errors.js'
import { runEnd } from '../layout/run.js'
import type { DiskLayout } from '../layout/file-layout.js'
import type { BootRead } from '../measure/boot-read.js'
import { layoutOf, resolveTrace, type BootSet, type MissingFile } from '../plan/resolve/boot-set.js'
import { refuseMisfit, type FitOptions } from '../plan/resolve/trace-fit.js'
import { nameFiles, traceOf } from '../plan/resolve/name-trace.js'
import { layoutAfter } from '../plan/predict.js'
import type { Plan, PlannedMove } from '../plan/plan.js'
import type { TraceRead } from '../trace/model/trace.js'
import type { Geometry, Volume } from '../volume/volume.js'
import { inodeProgressOf } from './inode-progress.js'
import { checkIdentity, progressOf } from './plan-progress.js'

/** A boot on one layout. */
export interface BootView {
  readonly reads: readonly BootRead[]
  readonly layout: DiskLayout
  readonly missing: readonly MissingFile[]
  readonly geometry: Geometry
}

/**
 * A boot on the filesystem as it is.
 * @throws usage when the trace does not fit it
 */
export async function viewNow(volume: Volume, trace: Iterable<TraceRead>, fit: FitOptions = {}): Promise<BootView> {
  const boot = await nameFiles(await resolveTrace(trace, volume), volume)
  refuseMisfit(boot, fit)
  return viewOf(boot, volume)
}

export const viewOf = ({ reads, layout, missing }: BootSet, volume: Volume): BootView => ({
  reads,
  layout,
  missing,
  geometry: volume.geometry(),
})

/** The same boot after a plan was carried out: places are read anew. */
export async function viewAgain(
  view: Pick<BootView, 'reads' | 'layout' | 'missing'>,
  volume: Volume,
  plan: Plan,
): Promise<BootView> {
  const { now } = await inodeProgressOf(plan, volume)
  const layout = new Map<number, Awaited<ReturnType<typeof layoutOf>>>()
  for (const [inode, { path, table }] of view.layout) {
    const file = await volume.byInode(now.get(inode) ?? inode)
    if (!file) continue
    layout.set(inode, {
      ...(await layoutOf(file, volume)),
      ...(path !== undefined && { path }),
      ...(table && { table: await volume.capabilities.inodeTables!.place(file.inode) }),
    })
  }
  return { reads: view.reads, layout, missing: view.missing, geometry: volume.geometry() }
}

export interface PlanViews {
  readonly before: BootView
  readonly after: BootView
  /** Blocks the plan moves, and how many of them lie where it wants them. */
  readonly totalBlocks: number
  readonly placedBlocks: number
  /** Whether `after` is what the disk holds, and `before` rebuilt from the plan; else the other way about. */
  readonly applied: boolean
}

/**
 * Before and after a plan, wherever the filesystem is on the way: a plan not begun is
 * carried out on paper, one that was begun is taken back on paper.
 * @throws refused when the plan is for another filesystem, or when it was carried out
 *   and the trace names blocks of the layout there was before
 */
export async function viewsOfPlan(
  plan: Plan,
  volume: Volume,
  trace: readonly TraceRead[],
  fit: FitOptions = {},
): Promise<PlanViews> {
  checkIdentity(plan, volume)
  const numbers = (await inodeProgressOf(plan, volume)).now
  const { back, remaining, movedBlocks, totalBlocks, placedBlocks } = await progressOf(plan, volume, numbers)
  const applied = movedBlocks > 0
  if (applied) refuseMovedBlocks(trace, plan.rounds, volume.geometry())
  const now = await viewNow(volume, trace, fit)
  const onPaper = (rounds: readonly (readonly PlannedMove[])[]): BootView => ({
    ...now,
    layout: layoutAfter(
      now.layout,
      rounds.map((round) => round.map((move) => ({ ...move, inode: numbers.get(move.inode) ?? move.inode }))),
      volume.capabilities.treeGrowth,
    ),
  })
  return applied
    ? { before: onPaper(back), after: now, totalBlocks, placedBlocks, applied }
    : { before: now, after: onPaper(remaining), totalBlocks, placedBlocks, applied }
}

/** Blocks of the device have owners only on the layout they were recorded on. */
function refuseMovedBlocks(
  trace: readonly TraceRead[],
  rounds: Plan['rounds'],
  { blockSize, fixedRuns }: Geometry,
): void {
  const moved = new Set<number>()
  for (const { from, length } of rounds.flat()) for (let i = 0; i < length; i++) moved.add(from + i)
  for (const { kind, ino, path, off } of trace) {
    if (kind !== 'metadata' || ino !== undefined || path !== undefined) continue
    const block = Math.floor(off / blockSize)
    if (!moved.has(block) || fixedRuns.some((run) => run.start <= block && block < runEnd(run))) continue
    throw refused(
      'moved-blocks',
      `The trace names block ${block} of the disk, which the plan has moved since: whose it was can no longer be told.`,
      'Give a copy from before with --before, or a trace that was imported with --target on the layout it was recorded on.',
    )
  }
}

export interface TwoViews {
  readonly before: BootView
  readonly after: BootView
  /** Reads of fixed blocks that were left out on both sides, because the filesystems are two. */
  readonly leftOut: number
}

/**
 * The same boot on two filesystems, one a changed copy of the other or made anew from
 * the same files. Owners and names come from the first.
 */
export async function viewsOfTwo(
  first: Volume,
  second: Volume,
  trace: Iterable<TraceRead>,
  fit: FitOptions = {},
): Promise<TwoViews> {
  const before = await nameFiles(await resolveTrace(trace, first), first)
  refuseMisfit(before, fit)
  const same = isSameFilesystem(first.geometry(), second.geometry())
  const reads = traceOf(before, first.geometry())
  // A number means nothing on another filesystem, and the name of a link leads to what it points to.
  const fixed = ({ kind, ino, what }: TraceRead): boolean =>
    kind === 'metadata' && (ino === undefined || what === 'symlink')
  const fitting = same
    ? reads
    : reads.filter((read) => !fixed(read) && read.path !== undefined).map(({ ino: _ino, ...read }) => read as TraceRead)
  const after = await nameFiles(await resolveTrace(fitting, second), second)
  refuseMisfit(after, same ? fit : { ...fit, foreign: first.geometry().uuid })
  const kept = same
    ? before
    : { ...before, reads: before.reads.filter(({ kind }) => kind !== 'device' && kind !== 'symlink') }
  return {
    before: viewOf(kept, first),
    after: { ...viewOf(after, second), missing: [...before.missing, ...after.missing] },
    leftOut: same ? 0 : reads.filter(fixed).length,
  }
}

const isSameFilesystem = (a: Geometry, b: Geometry): boolean =>
  a.uuid === b.uuid && a.blockSize === b.blockSize && a.blockCount === b.blockCount
