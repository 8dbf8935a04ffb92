/**
 * From a set of moves to rounds that can be carried out.
 *
 * The data: moves with disjoint sources and disjoint targets, and the set F of free
 * blocks. The invariant an engine relies on: in every round all targets lie in F as
 * it was when the round began. So within a round no target is another's source, a
 * block freed in a round is written only in a later one, and a crash between rounds
 * loses nothing.
 *
 * The operations: a round takes every move whose target is free. When none is, the
 * moves that are left wait for each other in cycles (A sits where B goes); from each
 * cycle the shortest move goes to staging space first, free blocks that are nobody's
 * target, and comes back in a later round. When there is no staging space, the part
 * of a move whose target happens to be free goes ahead. As long as one block is free
 * one of the three applies.
 */
import { lowerBound } from '../../lower-bound.js'
import { fileBlock, fsBlock } from '../../layout/block.js'
import { blockRun, runEnd, type BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import { noSpace } from '../../errors.js'
import type { PlannedMove } from '../plan.js'

export interface Schedule {
  readonly rounds: readonly (readonly PlannedMove[])[]
  /** Blocks written once more because of a stop on the way. */
  readonly stagedBlocks: number
}

const source = (move: PlannedMove): BlockRun => blockRun(move.from, move.length)
const target = (move: PlannedMove): BlockRun => blockRun(move.to, move.length)

/** Rounds in which something stops on the way or goes in parts; more would be no sensible time. */
const mostDetours = 20_000

/**
 * A round moves at least one block to its target or to its only stop, so the rounds are
 * not endless, only many when little is free.
 * @param moves     in the order their blocks shall be written within a round
 * @param freeSpace free blocks when the first round begins
 * @throws no-space when no block is free to break a cycle with, or so few that rounds with
 *         stops on the way would be more than `most`
 */
export function scheduleMoves(moves: readonly PlannedMove[], freeSpace: RunSet, most = mostDetours): Schedule {
  const free = freeSpace.clone()
  const rounds: PlannedMove[][] = []
  let stagedBlocks = 0
  let waiting = new Waiting(moves)
  let round = waiting.takeReady(free)
  for (let detours = 0; ;) {
    if (round.length > 0) {
      carryOut(round, free)
      rounds.push(round)
      round = waiting.takeReady(free, round)
      continue
    }
    const pending = waiting.left()
    if (pending.length === 0) return { rounds, stagedBlocks }
    if (++detours > most) throw tooManyRounds(pending, free, most)
    const detour = stageCycles(pending, free) ?? advanceParts(pending, free)
    if (!detour) throw nothingFree(pending)
    stagedBlocks += detour.stagedBlocks
    carryOut(detour.round, free)
    rounds.push(detour.round)
    waiting = new Waiting(detour.pending)
    round = waiting.takeReady(free)
  }
}

function carryOut(round: readonly PlannedMove[], free: RunSet): void {
  for (const move of round) free.remove(target(move))
  for (const move of round) free.add(source(move))
}

/** Moves that wait for their targets, found by the blocks that become free. */
class Waiting {
  private readonly order: ReadonlyMap<PlannedMove, number>
  private readonly byTarget: readonly PlannedMove[]
  private readonly gone = new Set<PlannedMove>()

  private readonly moves: readonly PlannedMove[]

  /** @param moves with disjoint targets */
  constructor(moves: readonly PlannedMove[]) {
    this.moves = moves
    this.order = new Map(moves.map((move, index) => [move, index]))
    this.byTarget = [...moves].sort((a, b) => a.to - b.to)
  }

  /**
   * Those whose target is free, in their order; they wait no longer.
   * @param last the round just carried out, when nothing else became free since this was asked for
   */
  takeReady(free: RunSet, last?: readonly PlannedMove[]): PlannedMove[] {
    const candidates = last ? this.waitingFor(last.map(source)) : this.moves
    const ready = candidates.filter((move) => !this.gone.has(move) && free.contains(target(move)))
    for (const move of ready) this.gone.add(move)
    return ready
  }

  left(): PlannedMove[] {
    return this.moves.filter((move) => !this.gone.has(move))
  }

  private waitingFor(runs: readonly BlockRun[]): PlannedMove[] {
    const found = new Set<PlannedMove>()
    for (const run of runs) {
      let low = lowerBound(
        this.byTarget.length,
        (place) => this.byTarget[place]!.to + this.byTarget[place]!.length > run.start,
      )
      for (; low < this.byTarget.length && this.byTarget[low]!.to < runEnd(run); low++) found.add(this.byTarget[low]!)
    }
    return [...found].sort((a, b) => this.order.get(a)! - this.order.get(b)!)
  }
}

interface Detour {
  readonly round: PlannedMove[]
  readonly pending: PlannedMove[]
  readonly stagedBlocks: number
}

/** Takes the shortest move out of each cycle; undefined without staging space. */
function stageCycles(pending: readonly PlannedMove[], free: RunSet): Detour | undefined {
  const scratch = free.clone()
  for (const move of pending) scratch.remove(target(move))
  const stops = new Map<PlannedMove, PlannedMove[]>()
  const round: PlannedMove[] = []
  let stagedBlocks = 0
  for (const victim of cycleBreakers(pending)) {
    const places = takeScratch(scratch, victim.length)
    if (places.length === 0) break
    const onward: PlannedMove[] = []
    let done = 0
    for (const place of places) {
      const piece = { ...victim, logical: fileBlock(victim.logical + done), length: place.length }
      round.push({ ...piece, from: fsBlock(victim.from + done), to: place.start, staging: true })
      onward.push({ ...piece, from: place.start, to: fsBlock(victim.to + done) })
      done += place.length
    }
    // What found no staging space waits where it is.
    if (done < victim.length) {
      onward.push({
        ...victim,
        logical: fileBlock(victim.logical + done),
        length: victim.length - done,
        from: fsBlock(victim.from + done),
        to: fsBlock(victim.to + done),
      })
    }
    stagedBlocks += done
    stops.set(victim, onward)
  }
  if (round.length === 0) return undefined
  return { round, pending: pending.flatMap((move) => stops.get(move) ?? [move]), stagedBlocks }
}

/**
 * One move from every cycle of the waiting graph, the shortest of it. Each move
 * waits for the first other (or itself) that sits on its target, which makes the
 * graph a set of chains that end in cycles.
 */
function cycleBreakers(pending: readonly PlannedMove[]): PlannedMove[] {
  const bySource = [...pending].sort((a, b) => a.from - b.from)
  const sitter = (move: PlannedMove): PlannedMove | undefined => {
    const low = lowerBound(bySource.length, (place) => bySource[place]!.from + bySource[place]!.length > move.to)
    const candidate = bySource[low]
    return candidate && candidate.from < move.to + move.length ? candidate : undefined
  }
  const breakers: PlannedMove[] = []
  const walkOf = new Map<PlannedMove, number>()
  pending.forEach((first, walk) => {
    const path: PlannedMove[] = []
    let at: PlannedMove | undefined = first
    while (at && !walkOf.has(at)) {
      walkOf.set(at, walk)
      path.push(at)
      at = sitter(at)
    }
    if (!at || walkOf.get(at) !== walk) return
    const cycle = path.slice(path.indexOf(at))
    breakers.push(cycle.reduce((shortest, move) => (move.length < shortest.length ? move : shortest)))
  })
  return breakers
}

/** Takes room from the scratch space: the smallest run that fits, else the largest pieces there are. */
function takeScratch(scratch: RunSet, length: number): BlockRun[] {
  const taken: BlockRun[] = []
  let wanted = length
  while (wanted > 0) {
    let fitting: BlockRun | undefined
    for (const run of scratch) if (run.length >= wanted && (!fitting || run.length < fitting.length)) fitting = run
    const run = fitting ?? scratch.longest()
    if (!run) break
    const piece = blockRun(run.start, Math.min(run.length, wanted))
    scratch.remove(piece)
    taken.push(piece)
    wanted -= piece.length
  }
  return taken
}

/** Moves those parts whose target is free; undefined when there are none. */
function advanceParts(pending: readonly PlannedMove[], free: RunSet): Detour | undefined {
  const round: PlannedMove[] = []
  const rest: PlannedMove[] = []
  for (const move of pending) {
    const inside = [...free.within(target(move))]
    if (inside.length === 0) {
      rest.push(move)
      continue
    }
    let at: number = move.to
    const piece = (run: BlockRun): PlannedMove => {
      const offset = run.start - move.to
      return {
        ...move,
        logical: fileBlock(move.logical + offset),
        length: run.length,
        from: fsBlock(move.from + offset),
        to: run.start,
      }
    }
    for (const run of inside) {
      if (run.start > at) rest.push(piece(blockRun(at, run.start - at)))
      round.push(piece(run))
      at = runEnd(run)
    }
    if (at < move.to + move.length) rest.push(piece(blockRun(at, move.to + move.length - at)))
  }
  return round.length === 0 ? undefined : { round, pending: rest, stagedBlocks: 0 }
}

const blocksOf = (moves: readonly PlannedMove[]): number => moves.reduce((sum, { length }) => sum + length, 0)

/** One free block would be enough: it is somebody's target or a place to stop at. */
const nothingFree = (pending: readonly PlannedMove[]): Error =>
  noSpace(
    'no-staging-space',
    `${blocksOf(pending)} blocks in ${pending.length} pieces wait for each other and not one block is free to begin with.`,
    'Free some blocks and plan again; one is enough to begin with, more take fewer rounds.',
  )

const tooManyRounds = (pending: readonly PlannedMove[], free: RunSet, most: number): Error =>
  noSpace(
    'too-many-rounds',
    `With ${free.blocks} free blocks the moves take more than ${most} rounds with stops on the way: ${blocksOf(pending)} blocks would be waiting still.`,
    'Free some space and plan again: the more is free, the fewer rounds it takes.',
  )

/** Whether the rounds keep the invariant; for tests and for plans read from a file. */
export function roundsAreSound(rounds: readonly (readonly PlannedMove[])[], freeSpace: RunSet): boolean {
  const free = freeSpace.clone()
  for (const round of rounds) {
    const targets = new RunSet()
    for (const move of round) {
      if (!free.contains(target(move)) || targets.intersects(target(move))) return false
      targets.add(target(move))
    }
    if (round.some((move) => free.intersects(source(move)))) return false
    for (const run of targets) free.remove(run)
    for (const move of round) free.add(source(move))
  }
  return true
}
