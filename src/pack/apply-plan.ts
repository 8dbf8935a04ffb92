/**
 * Carries out a plan, or what is left of it: gate, rounds, and a look at the disk
 * afterwards. What an engine reports is counted, but what is believed is the layout
 * read back.
 */
import { refused } from '../errors.js'
import type { OwnedKind } from '../layout/owner.js'
import type { StayReason } from '../layout/reason.js'
import type { BlockRun } from '../layout/run.js'
import type { Plan, PlannedMove } from '../plan/plan.js'
import { objectiveFor } from '../plan/objective.js'
import { fingerprintOf } from '../plan/fingerprint.js'
import type { Move, MoveOutcome, RelocateOptions, Stayed, Volume } from '../volume/volume.js'
import { inodeProgressOf } from './inode-progress.js'
import { checkIdentity, progressOf, type PlanProgress } from './plan-progress.js'
import { refuseStage, renumberStage, type InodeResult } from './renumber-stage.js'

export interface ApplyOptions {
  /** Apply even when the plan predicts no gain. */
  readonly force: boolean
  readonly signal?: AbortSignal
  /** Blocks copied and blocks to copy. */
  readonly onProgress?: (done: number, total: number) => void
}

export interface UnmovedRun extends Stayed<StayReason> {
  readonly inode: number
  readonly path?: string
  readonly kind: OwnedKind
  readonly blocks: number
}

export interface ApplyResult {
  /** False when the gate stopped it: nothing was written. */
  readonly begun: boolean
  readonly rounds: number
  readonly movedBlocks: number
  /** Moves that did not happen, with their reason. */
  readonly unmoved: readonly UnmovedRun[]
  readonly interrupted: boolean
  /** From the layout read back: everything lies where the plan puts it, inodes included. */
  readonly complete: boolean
  /** Of a plan that renumbers inodes. */
  readonly inodes?: InodeResult
}

/**
 * On a filesystem in use files come, go and grow between two steps: what strayed from the
 * plan's layout stays, with its reason, and the rest is carried out. At rest nobody should
 * have been there, so that a layout the plan does not know is refused whole.
 * @throws refused when the plan is for another filesystem; at rest also when files were
 *   moved since it was made in a way the plan does not know
 */
export async function applyPlan(plan: Plan, volume: Volume, options: ApplyOptions): Promise<ApplyResult> {
  checkIdentity(plan, volume)
  const { isBetter, weigh } = objectiveFor()
  if (!options.force && !isBetter(plan.measure.predicted, plan.measure.before) && !weigh(plan).worthIt) {
    return { begun: false, rounds: 0, movedBlocks: 0, unmoved: [], interrupted: false, complete: false }
  }
  const numbers = await inodeProgressOf(plan, volume)
  if (numbers.strayed.length > 0) {
    throw refused(
      'stale-plan',
      `${numbers.strayed[0]!.path} is another file by now (${numbers.strayed.length} in all).`,
      'Make the plan again with bootpack plan.',
    )
  }
  refuseStage(volume, numbers.remaining)
  const before = await progressOf(plan, volume, numbers.now)
  if (volume.atRest && fingerprintOf(before.layouts) !== plan.volume.fingerprint && before.strayed.length > 0) {
    const first = before.strayed[0]!
    throw refused(
      'stale-plan',
      `${first.path ?? `Inode ${first.inode}`} no longer lies where the plan found it, nor where it would put it (${before.strayed.length} runs of blocks in all).`,
      'Make the plan again with bootpack plan.',
    )
  }
  const { rounds, outcomes, interrupted } = await carryOutAll(
    before.remaining,
    async () => (await progressOf(plan, volume, numbers.now)).remaining,
    plan,
    volume,
    numbers.now,
    options,
  )
  // Last, so that until here the rounds' numbers are those of the disk.
  const inodes = interrupted ? undefined : await renumberStage(plan, volume, 'on', options)
  const after = await progressOf(plan, volume, (await inodeProgressOf(plan, volume)).now)
  return {
    begun: true,
    rounds,
    movedBlocks: outcomes.reduce((sum, { move, status }) => sum + (status === 'moved' ? move.length : 0), 0),
    unmoved: withStrayed(unmovedOf(outcomes), after.strayed),
    interrupted: interrupted || stopped(inodes, options),
    complete:
      !interrupted && after.remaining.length === 0 && after.strayed.length === 0 && (inodes?.left.length ?? 0) === 0,
    ...(inodes && { inodes }),
  }
}

/** Whether the stage was told to stop before it was through. */
const stopped = (inodes: InodeResult | undefined, { signal }: Pick<ApplyOptions, 'signal'>): boolean =>
  (signal?.aborted ?? false) && (inodes?.left.length ?? 0) > 0

/** Undoes a plan as far as it has come. */
export async function undoPlan(plan: Plan, volume: Volume, options: Omit<ApplyOptions, 'force'>): Promise<ApplyResult> {
  checkIdentity(plan, volume)
  const inodes = await renumberStage(plan, volume, 'back', options)
  const { now } = await inodeProgressOf(plan, volume)
  const before = await progressOf(plan, volume, now)
  const { rounds, outcomes, interrupted } = await carryOutAll(
    before.back,
    async () => (await progressOf(plan, volume, now)).back,
    plan,
    volume,
    now,
    options,
  )
  const after = await progressOf(plan, volume, now)
  return {
    begun: true,
    rounds,
    movedBlocks: before.movedBlocks - after.movedBlocks,
    unmoved: withStrayed(unmovedOf(outcomes), before.strayed),
    interrupted: interrupted || stopped(inodes, options),
    complete: after.back.length === 0 && after.strayed.length === 0 && (inodes?.left.length ?? 0) === 0,
    ...(inodes && { inodes }),
  }
}

export const unmovedRun = (
  { inode, path, kind, length }: Pick<Move, 'inode' | 'path' | 'kind' | 'length'>,
  why: Stayed<StayReason>,
): UnmovedRun => ({ inode, ...(path !== undefined && { path }), kind, blocks: length, ...why })

const unmovedOf = (outcomes: readonly MoveOutcome[]): UnmovedRun[] =>
  outcomes.flatMap((outcome) =>
    outcome.status === 'skipped'
      ? [
          unmovedRun(outcome.move, {
            reason: outcome.reason,
            ...(outcome.detail !== undefined && { detail: outcome.detail }),
          }),
        ]
      : [],
  )

/** With what nobody tried to move, because it lies where the plan does not know it; of a file that was tried, that tells more. */
function withStrayed(unmoved: readonly UnmovedRun[], strayed: PlanProgress['strayed']): UnmovedRun[] {
  const tried = new Set(unmoved.map(({ inode, kind }) => `${kind} ${inode}`))
  return [
    ...unmoved,
    ...strayed
      .filter(({ inode, kind }) => !tried.has(`${kind} ${inode}`))
      .map((chain) => unmovedRun(chain, { reason: 'changed' })),
  ]
}

interface CarriedOut {
  readonly rounds: number
  readonly outcomes: readonly MoveOutcome[]
  readonly interrupted: boolean
}

type Rounds = readonly (readonly PlannedMove[])[]

/** Passes over what is left. Each that moves nothing is the last, so this only bounds crawling. */
const mostPasses = 20

/**
 * Once more what could not be moved, for as long as some of it can: what others of the
 * plan left has become room meanwhile (a mounted filesystem reaches exact blocks only
 * with room to spare), or who was busy is not any more. Nothing is kept from others for
 * these passes, because what is kept takes room.
 * @param left what is still to do, read back from the disk
 * @returns the sum of all passes; skipped is what the last one skipped
 */
async function carryOutAll(
  first: Rounds,
  left: () => Promise<Rounds>,
  plan: Plan,
  volume: Volume,
  now: ReadonlyMap<number, number>,
  options: Omit<ApplyOptions, 'force'>,
): Promise<CarriedOut> {
  const reserved = reservedBlocks(plan)
  let pass = await carryOut(first, { reserved, keepReserved: true }, volume, now, options)
  let { rounds } = pass
  const moved = pass.outcomes.filter(isMoved)
  for (
    let passes = 1;
    passes < mostPasses && !pass.interrupted && pass.outcomes.some(isMoved) && !pass.outcomes.every(isMoved);
    passes++
  ) {
    const again = await left()
    if (again.length === 0 || options.signal?.aborted) break
    pass = await carryOut(again, { reserved, keepReserved: false }, volume, now, options)
    rounds += pass.rounds
    moved.push(...pass.outcomes.filter(isMoved))
  }
  return {
    rounds,
    outcomes: [...moved, ...pass.outcomes.filter((outcome) => !isMoved(outcome))],
    interrupted: pass.interrupted,
  }
}

const isMoved = ({ status }: MoveOutcome): boolean => status === 'moved'

/** @param now numbers that inodes have by now; outcomes speak of them as the plan does */
async function carryOut(
  rounds: Rounds,
  keeping: Pick<RelocateOptions, 'reserved' | 'keepReserved'>,
  volume: Volume,
  now: ReadonlyMap<number, number>,
  options: Omit<ApplyOptions, 'force'>,
): Promise<CarriedOut> {
  const outcomes: MoveOutcome[] = []
  const total = rounds.flat().reduce((sum, { length }) => sum + length, 0)
  const planned = new Map([...now].map(([inode, number]) => [number, inode]))
  let finished = 0
  let carried = 0
  for (const round of rounds) {
    if (options.signal?.aborted) break
    const moves = round.map(({ inode, path, kind, logical, length, from, to }) => ({
      inode: now.get(inode) ?? inode,
      ...(path !== undefined && { path }),
      kind,
      logical,
      length,
      from,
      to,
    }))
    for await (const outcome of volume.relocate(moves, {
      ...keeping,
      ...(options.signal && { signal: options.signal }),
      onProgress: (blocks) => options.onProgress?.(finished + blocks, total),
    }))
      outcomes.push({
        ...outcome,
        move: { ...outcome.move, inode: planned.get(outcome.move.inode) ?? outcome.move.inode },
      })
    finished += round.reduce((sum, { length }) => sum + length, 0)
    carried++
    options.onProgress?.(finished, total)
  }
  // An engine stops either without a word on what is left, or with one on each.
  const unfinished =
    carried < rounds.length ||
    outcomes.length < rounds.flat().length ||
    outcomes.some(({ reason }) => reason === 'interrupted')
  return { rounds: carried, outcomes, interrupted: unfinished && (options.signal?.aborted ?? false) }
}

/** Every block the plan names: an engine must not take one for itself. */
const reservedBlocks = (plan: Plan): BlockRun[] =>
  plan.rounds.flat().flatMap(({ from, to, length }) => [
    { start: from, length },
    { start: to, length },
  ])
