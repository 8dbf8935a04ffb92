/**
 * What has left the run since a boot was packed. An upgrade writes a new file and
 * renames it over the old one: the path the trace names leads to another inode then,
 * whose blocks lie anywhere, and where the old one lay there is a hole in the run.
 *
 * The run is told by the plan that made it. Without one it is found in the layout: it
 * is the stretch of the disk where blocks of the boot outnumber all others by most,
 * and so are the next such stretches as long as each holds a fair share of the boot
 * set (inode tables, or others who could not be moved, break a run).
 */
import { fileBlock } from '../../layout/block.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import type { OwnedKind } from '../../layout/owner.js'
import type { DiskLayout } from '../../layout/file-layout.js'
import type { BootItem } from '../resolve/boot-items.js'
import type { Plan } from '../plan.js'

/** A part of a boot item that lies wholly inside the run, or wholly outside. */
export interface PlacedPiece extends BootItem {
  readonly inside: boolean
}

export interface DriftedFile {
  readonly inode: number
  readonly path?: string
  readonly kind: OwnedKind
  /** Blocks outside the run. */
  readonly blocks: number
  /** Blocks that belong into it. */
  readonly of: number
  /** In how many stretches those outside lie. */
  readonly stretches: number
}

export interface Drift {
  /** Sorted; empty when the boot set is packed nowhere. */
  readonly runs: readonly BlockRun[]
  readonly knownFrom: 'plan' | 'layout'
  /** Owners of blocks that belong into the run: files, directories, trees. */
  readonly owners: number
  /** Those that left it, most stretches first. */
  readonly drifted: readonly DriftedFile[]
  /** Those with blocks in the run that lie out of order: new files that landed in its holes, and what lies beside it. */
  readonly displaced: number
}

/** A part of the run holds at least this share of the items, and so many: a file by itself is no run. */
const leastShare = 1 / 16
const leastItems = 4

/** A hole as long as this share of the stretch is a file that was replaced: what lies behind it belongs to the run still. */
const holeShare = 1 / 32

/** Below this share of items in the run, the boot set was never packed, or nothing is left of it. */
const packedShare = 1 / 2

/**
 * @param items from bootItems, on the layout as it is now
 * @param plan  the plan that packed this boot, or mended it last
 */
export function findDrift(items: readonly BootItem[], layout: DiskLayout, plan?: Plan): Drift {
  const runs = plan ? [...RunSet.of(plan.runs)] : findRuns(items)
  const owners = new Map<string, { file: BootItem; of: number; blocks: number; stretches: number; end: number }>()
  const pieces = cutAtRuns(items, RunSet.of(runs))
  const displaced = new Set([...outOfOrder(pieces)].map(({ inode, kind }) => `${inode} ${kind}`))
  for (const piece of pieces) {
    const key = `${piece.inode} ${piece.kind}`
    let owner = owners.get(key)
    if (!owner) owners.set(key, (owner = { file: piece, of: 0, blocks: 0, stretches: 0, end: -1 }))
    owner.of += piece.length
    if (!piece.inside) {
      owner.blocks += piece.length
      if (owner.end !== piece.from) owner.stretches++
      owner.end = piece.from + piece.length
    }
  }
  const drifted = [...owners.values()]
    .filter(({ blocks }) => blocks > 0)
    .map(({ file: { inode, kind }, blocks, of, stretches }) => {
      const path = layout.get(inode)?.path
      return { inode, ...(path !== undefined && { path }), kind, blocks, of, stretches }
    })
  drifted.sort((a, b) => b.stretches - a.stretches || b.blocks - a.blocks || a.inode - b.inode)
  return { runs, knownFrom: plan ? 'plan' : 'layout', owners: owners.size, drifted, displaced: displaced.size }
}

/** The items in their order, cut where a run begins or ends. */
export function cutAtRuns(items: readonly BootItem[], runs: RunSet): PlacedPiece[] {
  return items.flatMap((item) => {
    const where = blockRun(item.from, item.length)
    const part = (run: BlockRun, inside: boolean): PlacedPiece => {
      const offset = run.start - item.from
      return { ...item, logical: fileBlock(item.logical + offset), length: run.length, from: run.start, inside }
    }
    return [
      ...[...runs.within(where)].map((run) => part(run, true)),
      ...[...runs.missingFrom(where)].map((run) => part(run, false)),
    ].sort((a, b) => a.from - b.from)
  })
}

/**
 * The pieces inside the run that do not lie in the order of the list: all but the
 * heaviest rising sequence of them, in blocks. A tree of maxima over the places finds
 * the best sequence each piece can continue.
 */
export function outOfOrder(pieces: readonly PlacedPiece[]): Set<PlacedPiece> {
  const inside = pieces.filter((piece) => piece.inside)
  const places = new Map([...inside].sort((a, b) => a.from - b.from).map((piece, i) => [piece, i + 1]))
  const weight = new Float64Array(inside.length)
  const previous = new Int32Array(inside.length)
  // Fenwick tree: of a range of places, the piece whose sequence is heaviest.
  const heaviest = new Int32Array(inside.length + 1).fill(-1)
  let last = -1
  inside.forEach((piece, i) => {
    const place = places.get(piece)!
    let best = -1
    for (let at = place - 1; at > 0; at -= at & -at)
      if (heaviest[at]! >= 0 && (best < 0 || weight[heaviest[at]!]! > weight[best]!)) best = heaviest[at]!
    previous[i] = best
    weight[i] = piece.length + (best < 0 ? 0 : weight[best]!)
    for (let at = place; at <= inside.length; at += at & -at)
      if (heaviest[at]! < 0 || weight[heaviest[at]!]! < weight[i]!) heaviest[at] = i
    if (last < 0 || weight[i]! > weight[last]!) last = i
  })
  const out = new Set(inside)
  for (let i = last; i >= 0; i = previous[i]!) out.delete(inside[i]!)
  return out
}

/** @returns no run where fewer than half of the items lie in any */
function findRuns(items: readonly BootItem[]): BlockRun[] {
  let rest = [...items].sort((a, b) => a.from - b.from)
  const runs: BlockRun[] = []
  const least = Math.max(items.length * leastShare, Math.min(items.length, leastItems))
  let inside = 0
  while (rest.length > 0) {
    const { run, first, last } = densest(rest)
    const held = last - first + 1
    if (held < least) break
    runs.push(run)
    inside += held
    rest = [...rest.slice(0, first), ...rest.slice(last + 1)]
  }
  return inside < items.length * packedShare ? [] : [...RunSet.of(runs)]
}

/**
 * The stretch with the largest sum of 1 for each block of an item and -1 for each
 * other block (Kadane's scan), and what lies behind a short hole at either end.
 * @param sorted by place, at least one
 */
function densest(sorted: readonly BootItem[]): { run: BlockRun; first: number; last: number } {
  const endOf = (i: number): number => sorted[i]!.from + sorted[i]!.length
  let best = { score: -Infinity, first: 0, last: 0 }
  let score = 0
  let start = 0
  sorted.forEach(({ from, length }, i) => {
    const hole = i === 0 ? 0 : from - endOf(i - 1)
    if (score - hole <= 0) {
      score = 0
      start = i
    } else {
      score -= hole
    }
    score += length
    if (score > best.score) best = { score, first: start, last: i }
  })
  let { first, last } = best
  const longestHole = holeShare * best.score
  while (first > 0 && sorted[first]!.from - endOf(first - 1) <= longestHole) first--
  while (last + 1 < sorted.length && sorted[last + 1]!.from - endOf(last) <= longestHole) last++
  return { run: blockRun(sorted[first]!.from, endOf(last) - sorted[first]!.from), first, last }
}
