/**
 * Mending a run instead of making it anew: what is in its place stays, and only what
 * has left comes back. Pure, as packing.ts is.
 *
 * The data: the items in their order, cut into pieces inside and outside the run. Those
 * inside that lie in order are settled; the others inside are displaced: new files that
 * an upgrade put into holes of the run, and what had to go beside it. A maximal
 * sequence of pieces that are not settled is a group; it belongs between the settled
 * piece before it and the one after it. A place for a group is judged by how many breaks it
 * leaves (0 when it begins where the one before ends, and ends where the next
 * begins), then by the blocks of others that have to leave for it, then by distance.
 *
 * The operations, in this order: each group goes to its own place, if there is room; then
 * each of its owners does, if there is room for it. Displaced pieces give room for
 * that, and those that are not in anybody's way stay if their own place is taken. The
 * others get the best hole of the run, group by group, then owner by owner; and what is
 * left over goes, in order, to one window beside the run, found as packing.ts finds one. Holes are what
 * files that were replaced have left behind, so a file that was replaced by one of
 * its size comes back to exactly where it was.
 */
import { lowerBound } from '../../lower-bound.js'
import { fsBlock, type FsBlock } from '../../layout/block.js'
import { blockRun, runEnd, type BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import { isOwnedKind, type OwnedRun } from '../../layout/owner.js'
import { measureLayout } from '../../measure/measure.js'
import { BootpackError, noSpace } from '../../errors.js'
import type { BootItem } from '../resolve/boot-items.js'
import type { BootSet } from '../resolve/boot-set.js'
import { cutAtRuns, outOfOrder, type PlacedPiece } from './drift.js'
import { findHomes } from '../place/eviction-targets.js'
import { pack, type Packing } from '../place/packing.js'
import { evictionMove, placeItems } from '../place/placement.js'
import type { PlannedMove } from '../plan.js'
import type { Objective } from '../objective.js'
import { layoutAfter } from '../predict.js'
import { scheduleMoves } from '../schedule/rounds.js'
import type { Snapshot } from '../resolve/snapshot.js'

export interface RepackRequest {
  readonly boot: BootSet
  readonly items: readonly BootItem[]
  /** Where the boot set was packed; at least one. */
  readonly runs: readonly BlockRun[]
  readonly evict: boolean
  /** Blocks that may be written, those of others included. */
  readonly mostBlocks: number
  readonly objective: Objective
}

interface RepackWay extends RepackRequest {
  /** Whether what finds no hole may go beside the run. */
  readonly beside: boolean
}

/** Each try leaves out what was too much in the one before. */
const mostAttempts = 16

/** Holes looked at on either side of where a group belongs; what finds none there goes beside the run. */
const mostHoles = 256

export function repack(snapshot: Snapshot, request: RepackRequest): Packing {
  const pieces = cutAtRuns(request.items, RunSet.of(request.runs))
  const displaced = outOfOrder(pieces)
  // What is large and has no hole may cost more than all the others gain, and on a full disk
  // there may be no room for moving others or what is displaced: so what counts is the balance.
  const { totalMs } = request.objective
  let best: Packing | undefined
  for (const way of [
    { evict: true, beside: true },
    { evict: false, beside: true },
    { evict: true, beside: false },
    { evict: false, beside: false },
  ]) {
    if (way.evict && !request.evict) continue
    const packing = unlessFull(() => repackWithin(snapshot, { ...request, ...way }, pieces, displaced))
    if (packing && (!best || totalMs(packing, snapshot.geometry) < totalMs(best, snapshot.geometry))) best = packing
  }
  return (
    best ??
    repackWithin(
      snapshot,
      { ...request, evict: false, beside: true },
      pieces.filter((piece) => !displaced.has(piece)),
      new Set(),
    )
  )
}

function unlessFull(attempt: () => Packing): Packing | undefined {
  try {
    return attempt()
  } catch (error) {
    if (error instanceof BootpackError && error.family === 'no-space') return undefined
    throw error
  }
}

function repackWithin(
  snapshot: Snapshot,
  request: RepackWay,
  pieces: readonly PlacedPiece[],
  displaced: ReadonlySet<PlacedPiece>,
): Packing {
  const settled = (piece: PlacedPiece): boolean => piece.inside && !displaced.has(piece)
  let budget = request.mostBlocks
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const packing = new Repacking(snapshot, request, pieces, settled, chosen(pieces, settled, budget)).run()
    const written = packing.cost.bytesWritten / snapshot.geometry.blockSize
    if (written <= request.mostBlocks) return packing
    // Others who have to leave are on the bill too, and are known only now.
    budget = Math.floor(Math.min(budget - 1, budget - (written - request.mostBlocks)))
  }
  return new Repacking(snapshot, request, pieces, settled, pieces.filter(settled)).run()
}

/**
 * Which pieces come back when not all may: those of the owners that cost a boot most
 * seeks for their blocks. The others stay where they are and are not on the list.
 */
function chosen(
  pieces: readonly PlacedPiece[],
  settled: (piece: PlacedPiece) => boolean,
  budget: number,
): PlacedPiece[] {
  const owners = new Map<string, { blocks: number; pieces: PlacedPiece[] }>()
  for (const piece of pieces) {
    if (settled(piece)) continue
    const key = `${piece.inode} ${piece.kind}`
    const owner = owners.get(key)
    if (owner) {
      owner.blocks += piece.length
      owner.pieces.push(piece)
    } else {
      owners.set(key, { blocks: piece.length, pieces: [piece] })
    }
  }
  let left = budget
  const kept = new Set<PlacedPiece>()
  for (const owner of [...owners.values()].sort((a, b) => a.blocks / a.pieces.length - b.blocks / b.pieces.length)) {
    if (owner.blocks > left) continue
    left -= owner.blocks
    for (const piece of owner.pieces) kept.add(piece)
  }
  return pieces.filter((piece) => settled(piece) || kept.has(piece))
}

/** Consecutive pieces that want one place. */
interface Group {
  readonly pieces: readonly PlacedPiece[]
  readonly length: number
  /** Where the piece before ends, and the piece after begins. */
  readonly after: FsBlock | undefined
  readonly before: FsBlock | undefined
}

interface Place {
  readonly start: FsBlock
  readonly evicted: readonly OwnedRun[]
  readonly cost: readonly [breaks: number, evicted: number, distance: number]
}

class Repacking {
  private readonly runs: RunSet
  /** Blocks of the run that a group may take: free ones, and with eviction those of others. */
  private readonly room = new RunSet()
  /** Others in the run, sorted; each is whole. */
  private readonly others: OwnedRun[] = []
  private readonly leaving = new Set<OwnedRun>()
  private readonly moves: PlannedMove[] = []
  private readonly targets = new RunSet()
  private readonly rest: PlacedPiece[] = []

  /** Displaced pieces by place, and those of them that may still stay where they are. */
  private readonly displaced: readonly PlacedPiece[]
  private readonly staying: Set<PlacedPiece>
  private readonly placed = new Set<PlacedPiece>()

  private readonly snapshot: Snapshot
  private readonly request: RepackWay
  private readonly all: readonly PlacedPiece[]
  private readonly settled: (piece: PlacedPiece) => boolean
  private readonly pieces: readonly PlacedPiece[]

  /**
   * @param all    every piece of the boot set
   * @param pieces those that are settled, and those that shall be
   */
  constructor(
    snapshot: Snapshot,
    request: RepackWay,
    all: readonly PlacedPiece[],
    settled: (piece: PlacedPiece) => boolean,
    pieces: readonly PlacedPiece[],
  ) {
    this.snapshot = snapshot
    this.request = request
    this.all = all
    this.settled = settled
    this.pieces = pieces
    this.runs = RunSet.of(request.runs)
    for (const run of this.runs) for (const hole of snapshot.free.within(run)) this.room.add(hole)
    if (request.evict) this.addOthers()
    this.displaced = pieces.filter((piece) => piece.inside && !settled(piece)).sort((a, b) => a.from - b.from)
    this.staying = new Set(this.displaced)
    for (const { from, length } of this.displaced) this.room.add(blockRun(from, length))
  }

  run(): Packing {
    const homeless = this.groups().filter((group) => !this.tryToPlace(group, 0))
    for (const single of homeless.flatMap(singles)) {
      if (single.pieces.every((piece) => this.staying.has(piece))) this.tryToPlace(single, 1)
    }
    // Whoever is in nobody's way and has no better place keeps the one it has.
    for (const { from, length } of this.staying) this.room.remove(blockRun(from, length))
    const groups = homeless
      .map(({ pieces, after, before }) => ({
        ...groupOf(
          pieces.filter((piece) => !this.placed.has(piece) && !this.staying.has(piece)),
          undefined,
          undefined,
        ),
        after,
        before,
      }))
      .filter(({ pieces }) => pieces.length > 0)
    const split = groups
      .sort(longestFirst)
      .filter((group) => !this.tryToPlace(group))
      .flatMap(singles)
    for (const single of split.sort(longestFirst)) if (!this.tryToPlace(single)) this.rest.push(...single.pieces)
    return this.finish()
  }

  /** Whole extents of others that touch the run and can leave; the boot's own are nobody's to take. */
  private addOthers(): void {
    const { owned, movable, region } = this.snapshot
    const boot = RunSet.of(this.request.items.map(({ from, length }) => blockRun(from, length)))
    for (const owner of owned) {
      if (
        !this.runs.intersects(owner) ||
        owner.immovable !== undefined ||
        !isOwnedKind(owner.kind) ||
        !movable.has(owner.kind)
      )
        continue
      if (owner.start < region.start || runEnd(owner) > runEnd(region) || boot.intersects(owner)) continue
      this.others.push(owner)
      for (const part of this.runs.within(owner)) this.room.add(part)
    }
  }

  private groups(): Group[] {
    const groups: Group[] = []
    for (let i = 0; i < this.pieces.length;) {
      let end = i
      while (end < this.pieces.length && !this.settled(this.pieces[end]!)) end++
      if (end > i) groups.push(groupOf(this.pieces.slice(i, end), this.pieces[i - 1], this.pieces[end]))
      i = Math.max(end, i + 1)
    }
    return groups
  }

  private tryToPlace(group: Group, mostBreaks = Infinity): boolean {
    const place = this.bestPlace(group, mostBreaks)
    if (!place) return false
    const target = blockRun(place.start, group.length)
    this.room.remove(target)
    for (const owner of place.evicted) {
      this.leaving.add(owner)
      // What is free of its place once it has left is not free yet.
      this.room.remove(owner)
    }
    for (const piece of group.pieces) {
      this.placed.add(piece)
      this.staying.delete(piece)
    }
    // Those who lie there have to find another place.
    for (const piece of touching(this.displaced, (piece) => piece.from, target.start, runEnd(target)))
      this.staying.delete(piece)
    this.targets.add(target)
    this.moves.push(...placeItems(group.pieces, [target]))
    return true
  }

  /**
   * Looks at both ends of the holes around the place where the group belongs, and at
   * that place itself, which alone leaves no break.
   */
  private bestPlace(group: Group, mostBreaks: number): Place | undefined {
    const { length, after, before } = group
    const wish = after ?? (before === undefined ? this.runs.at(0).start : Math.max(0, before - length))
    let best: Place | undefined
    const consider = (start: number): void => {
      const place = this.judge(group, fsBlock(start))
      if (place.cost[0] <= mostBreaks && (!best || cheaper(place, best))) best = place
    }
    if (this.room.contains(blockRun(wish, length))) consider(wish)
    if (mostBreaks === 0) return best
    const middle = this.room.firstEndingAfter(wish)
    for (let i = Math.max(0, middle - mostHoles); i < Math.min(this.room.size, middle + mostHoles); i++) {
      const hole = this.room.at(i)
      if (hole.length < length) continue
      consider(hole.start)
      consider(runEnd(hole) - length)
    }
    return best
  }

  private judge(group: Group, start: FsBlock): Place {
    const end = start + group.length
    const evicted = touching(this.others, (owner) => owner.start, start, end).filter(
      (owner) => !this.leaving.has(owner),
    )
    const breaks =
      Number(group.after !== undefined && group.after !== start) +
      Number(group.before !== undefined && group.before !== end)
    const distance = Math.abs(start - (group.after ?? start)) + Math.abs((group.before ?? end) - end)
    return { start, evicted, cost: [breaks, evicted.reduce((sum, { length }) => sum + length, 0), distance] }
  }

  private finish(): Packing {
    const { geometry } = this.snapshot
    const evictions = this.evictions()
    // Beside the run first: who is displaced leaves room for those who belong there.
    const beside = this.windowBeside(evictions)
    const left = new Set(beside ? [] : this.rest)
    if (this.displaced.some((piece) => left.has(piece))) {
      throw noSpace(
        'no-way-out',
        'Files that lie in the way of others find no place.',
        'Free some space, or pack anew.',
      )
    }
    const free = this.snapshot.free.clone()
    for (const { from, to, length } of beside?.rounds.flat() ?? []) {
      free.remove(blockRun(to, length))
      free.add(blockRun(from, length))
    }
    const moves = [...evictions, ...this.moves].sort((a, b) => a.to - b.to)
    const back = scheduleMoves(moves, free)
    const rounds = [...(beside?.rounds ?? []), ...back.rounds]
    const sum = (list: readonly PlannedMove[]): number => list.reduce((blocks, { length }) => blocks + length, 0)
    const placedBlocks = sum(this.moves) + (beside?.cost.placedBlocks ?? 0)
    const evictedBlocks = sum(evictions) + (beside?.cost.evictedBlocks ?? 0)
    const stagedBlocks = back.stagedBlocks + (beside?.cost.stagedBlocks ?? 0)
    const { boot, runs, objective } = this.request
    return {
      runs: [...RunSet.of([...runs, ...(beside?.runs ?? [])])],
      gaps: [],
      rounds,
      cost: {
        placedBlocks,
        evictedBlocks,
        stagedBlocks,
        bytesWritten: (placedBlocks + evictedBlocks + stagedBlocks) * geometry.blockSize,
      },
      predicted: measureLayout(
        boot.reads,
        layoutAfter(boot.layout, rounds, this.snapshot.trees),
        geometry,
        boot.missing.length,
        objective.models,
      ),
    }
  }

  /**
   * Homes outside the run for those who have to leave it.
   * @throws no-space when there are none
   */
  private evictions(): PlannedMove[] {
    if (this.leaving.size === 0) return []
    const free = this.freeOutside()
    const window = { runs: [...this.targets], gaps: [], evict: [...this.leaving].sort((a, b) => a.start - b.start) }
    // Nobody but those may be moved: what a home would have to be cleared of may be the boot's own.
    const { homes, homeless } = findHomes(
      { ...this.snapshot, free, owned: window.evict },
      window,
      new RunSet(),
      this.request.objective.weights,
    )
    if (homeless.length > 0) {
      throw noSpace(
        'no-homes',
        `${homeless.length} extents that lie in the run find no place elsewhere.`,
        'Free some space, or leave out --evict.',
      )
    }
    return [...homes].map(([owner, home]) => evictionMove(owner, home))
  }

  /** Free blocks outside the run: its holes are for the boot's own files. */
  private freeOutside(): RunSet {
    const free = this.snapshot.free.clone()
    for (const run of this.runs) free.remove(run)
    return free
  }

  /** A place for what found no hole; undefined when there is no room for it. */
  private windowBeside(evictions: readonly PlannedMove[]): Packing | undefined {
    if (this.rest.length === 0 || !this.request.beside) return undefined
    const order = new Map(this.pieces.map((piece, i) => [piece, i]))
    const items = this.rest.sort((a, b) => order.get(a)! - order.get(b)!)
    const free = this.freeOutside()
    for (const { to, length } of evictions) free.remove(blockRun(to, length))
    // Whoever moves already, or is where it belongs, stays out of this.
    const rest = new Set(items)
    const settled = RunSet.of([
      ...this.all.filter((piece) => !rest.has(piece)).map(({ from, length }) => blockRun(from, length)),
      ...evictions.map(({ from, length }) => blockRun(from, length)),
    ])
    const owned = this.snapshot.owned.filter((owner) => !settled.intersects(owner))
    const { boot, evict, runs, objective } = this.request
    const goal = runs.reduce((longest, run) => (run.length > longest.length ? run : longest))
    try {
      return pack(
        { ...this.snapshot, free, owned },
        { boot, items, goal: runEnd(goal), exact: false, evict, objective },
      )
    } catch (error) {
      if (error instanceof BootpackError && error.family === 'no-space') return undefined
      throw error
    }
  }
}

/** Those of disjoint runs that touch [start, end). @param sorted by start */
function touching<T extends { readonly length: number }>(
  sorted: readonly T[],
  startOf: (run: T) => FsBlock,
  start: number,
  end: number,
): T[] {
  const low = lowerBound(sorted.length, (place) => startOf(sorted[place]!) + sorted[place]!.length > start)
  let last = low
  while (last < sorted.length && startOf(sorted[last]!) < end) last++
  return sorted.slice(low, last)
}

const groupOf = (
  pieces: readonly PlacedPiece[],
  previous: PlacedPiece | undefined,
  next: PlacedPiece | undefined,
): Group => ({
  pieces,
  length: pieces.reduce((sum, { length }) => sum + length, 0),
  after: previous && fsBlock(previous.from + previous.length),
  before: next?.from,
})

/** The owners of a group one by one: a file in pieces becomes one piece again. */
function singles({ pieces, after, before }: Group): Group[] {
  const groups: PlacedPiece[][] = []
  for (const piece of pieces) {
    const last = groups.at(-1)
    if (last && last[0]!.inode === piece.inode && last[0]!.kind === piece.kind) last.push(piece)
    else groups.push([piece])
  }
  return groups.map((own) => ({ ...groupOf(own, undefined, undefined), after, before }))
}

const longestFirst = (a: Group, b: Group): number => b.length - a.length || a.pieces[0]!.from - b.pieces[0]!.from

function cheaper(a: Place, b: Place): boolean {
  for (let i = 0; i < 3; i++) if (a.cost[i]! !== b.cost[i]!) return a.cost[i]! < b.cost[i]!
  return a.start < b.start
}
