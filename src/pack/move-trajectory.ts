/**
 * A plan seen from the blocks: each run of an owner's blocks goes through a chain of
 * places, where it was, perhaps a stop on the way, where it belongs. Where it lies
 * in its chain tells how far the plan has come, read from the disk and not from a
 * log: the moves before that place are done and those behind it are still to do.
 * Walked the other way, the same chain undoes the plan.
 */
import { BootpackError } from '../errors.js'
import { fileBlock, fsBlock, type FileBlock, type FsBlock } from '../layout/block.js'
import type { FileLayout } from '../layout/file-layout.js'
import type { OwnedKind } from '../layout/owner.js'
import type { PlannedMove } from '../plan/plan.js'

export interface Chain {
  readonly inode: number
  readonly path?: string
  readonly kind: OwnedKind
  readonly logical: FileBlock
  readonly length: number
  /** One more than there are steps: the first is where the run was when the plan was made. */
  readonly places: readonly FsBlock[]
  /** Round of each step, rising. */
  readonly rounds: readonly number[]
  readonly why: PlannedMove['why']
}

/**
 * Chains of all blocks a plan moves, cut so that every chain's blocks stay together.
 * @throws corrupt when a run continues from where it never was
 */
export function chainsOf(rounds: readonly (readonly PlannedMove[])[]): Chain[] {
  const byOwner = new Map<string, { move: PlannedMove; round: number }[]>()
  rounds.forEach((moves, round) => {
    for (const move of moves) {
      const owner = `${move.inode} ${move.kind}`
      const steps = byOwner.get(owner)
      if (steps) steps.push({ move, round })
      else byOwner.set(owner, [{ move, round }])
    }
  })
  return [...byOwner.values()].flatMap(cutIntoChains)
}

function cutIntoChains(steps: readonly { readonly move: PlannedMove; readonly round: number }[]): Chain[] {
  const cuts = [...new Set(steps.flatMap(({ move }) => [move.logical, move.logical + move.length]))].sort(
    (a, b) => a - b,
  )
  const position = new Map(cuts.map((cut, index) => [cut, index]))
  const covering: { move: PlannedMove; round: number }[][] = cuts.map(() => [])
  for (const step of steps) {
    const last = position.get(step.move.logical + step.move.length)!
    for (let i = position.get(step.move.logical)!; i < last; i++) covering[i]!.push(step)
  }
  return covering.flatMap((chain, i) => {
    const first = chain[0]?.move
    if (!first) return []
    const logical = cuts[i]!
    const places = [fsBlock(first.from + (logical - first.logical))]
    for (const { move } of chain) {
      if (move.from + (logical - move.logical) !== places.at(-1)) {
        throw new BootpackError(
          'corrupt',
          'bad-plan',
          `The plan moves block ${logical} of inode ${move.inode} from where it never put it.`,
          { next: 'Make the plan again with bootpack plan.' },
        )
      }
      places.push(fsBlock(move.to + (logical - move.logical)))
    }
    return [
      {
        inode: first.inode,
        ...(first.path !== undefined && { path: first.path }),
        kind: first.kind,
        logical: fileBlock(logical),
        length: cuts[i + 1]! - logical,
        places,
        rounds: chain.map(({ round }) => round),
        why: first.why,
      },
    ]
  })
}

/** Index into the chain's places; 'gone' when the blocks no longer exist, 'strayed' when they lie elsewhere. */
export function placeInChain(chain: Chain, file: FileLayout | undefined): number | 'gone' | 'strayed' {
  if (!file) return 'gone'
  if (chain.kind === 'tree') {
    const index = chain.places.findLastIndex((place) => file.tree.includes(place))
    return index < 0 ? 'gone' : index
  }
  if (chain.kind === 'xattr') {
    if (file.xattr === undefined) return 'gone'
    const index = chain.places.lastIndexOf(file.xattr)
    return index < 0 ? 'strayed' : index
  }
  const at = placeOf(chain, file)
  const index = at === undefined ? -1 : chain.places.lastIndexOf(at)
  return index < 0 ? 'strayed' : index
}

/** Where the chain's blocks lie now, if they lie in one run. */
function placeOf(chain: Chain, file: FileLayout): FsBlock | undefined {
  if (chain.kind !== file.kind) return undefined
  let place: number | undefined
  let covered = 0
  for (const { logical, physical, length } of file.extents) {
    const from = Math.max(logical, chain.logical)
    const until = Math.min(logical + length, chain.logical + chain.length)
    if (until <= from) continue
    const start = physical + (from - logical) - (from - chain.logical)
    place ??= start
    if (start !== place) return undefined
    covered += until - from
  }
  return covered === chain.length && place !== undefined ? fsBlock(place) : undefined
}

/** The steps of a chain from one place on, as moves with their rounds. */
export function stepsFrom(chain: Chain, place: number): { readonly move: PlannedMove; readonly round: number }[] {
  return chain.rounds.slice(place).map((round, i) => ({
    round,
    move: moveAlong(chain, place + i, place + i + 1, place + i + 1 < chain.places.length - 1),
  }))
}

/** The way back from one place to the first, in the order it is walked. */
export function stepsBack(chain: Chain, place: number): { readonly move: PlannedMove; readonly round: number }[] {
  return chain.rounds
    .slice(0, place)
    .map((round, i) => ({ round, move: moveAlong(chain, i + 1, i, i > 0) }))
    .reverse()
}

function moveAlong(chain: Chain, from: number, to: number, staging: boolean): PlannedMove {
  const { inode, path, kind, logical, length, places, why } = chain
  return {
    inode,
    ...(path !== undefined && { path }),
    kind,
    logical,
    length,
    from: places[from]!,
    to: places[to]!,
    why,
    ...(staging && { staging: true as const }),
  }
}

/**
 * Steps as rounds in rising order of their number (or falling, for the way back),
 * with neighbours joined again.
 */
export function roundsOf(
  steps: readonly { readonly move: PlannedMove; readonly round: number }[],
  falling = false,
): PlannedMove[][] {
  const byRound = new Map<number, PlannedMove[]>()
  for (const { move, round } of steps) {
    const moves = byRound.get(round)
    if (moves) moves.push(move)
    else byRound.set(round, [move])
  }
  return [...byRound]
    .sort(([a], [b]) => (falling ? b - a : a - b))
    .map(([, moves]) => joinNeighbours(moves.sort((a, b) => a.to - b.to)))
}

function joinNeighbours(moves: readonly PlannedMove[]): PlannedMove[] {
  const joined: PlannedMove[] = []
  for (const move of moves) {
    const last = joined.at(-1)
    const continues =
      last &&
      last.inode === move.inode &&
      last.kind === move.kind &&
      last.staging === move.staging &&
      (move.kind === 'data' || move.kind === 'directory') &&
      last.logical + last.length === move.logical &&
      last.from + last.length === move.from &&
      last.to + last.length === move.to
    if (continues) joined[joined.length - 1] = { ...last, length: last.length + move.length }
    else joined.push(move)
  }
  return joined
}
