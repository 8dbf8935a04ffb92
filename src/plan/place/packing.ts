/**
 * The decision itself, from data to data: where the boot set goes, who has to leave
 * for it, where those go, and in which rounds. No I/O, no clock, no chance: the same
 * snapshot gives the same packing.
 */
import type { FsBlock } from '../../layout/block.js'
import { runEnd, type BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import { measureLayout } from '../../measure/measure.js'
import type { LayoutMeasure } from '../../measure/layout-measure.js'
import type { Geometry } from '../../volume/volume.js'
import { BootpackError, noSpace } from '../../errors.js'
import type { BootItem } from '../resolve/boot-items.js'
import type { BootSet } from '../resolve/boot-set.js'
import { findHomes } from './eviction-targets.js'
import { evictionMove, placeItems } from './placement.js'
import type { PlanCost, PlanGap, PlannedMove } from '../plan.js'
import type { Objective } from '../objective.js'
import { layoutAfter } from '../predict.js'
import { scheduleMoves } from '../schedule/rounds.js'
import type { Snapshot } from '../resolve/snapshot.js'
import { treeGrowthOnTheWay } from './tree-room.js'
import { Terrain } from './segment-map.js'
import { findWindow, type Window } from './window.js'

export interface PackingRequest {
  readonly boot: BootSet
  readonly items: readonly BootItem[]
  readonly goal: FsBlock
  /** Begin at the goal itself rather than where it is cheapest. */
  readonly exact: boolean
  readonly evict: boolean
  readonly objective: Objective
}

export interface Packing {
  readonly runs: readonly BlockRun[]
  readonly gaps: readonly PlanGap[]
  readonly rounds: readonly (readonly PlannedMove[])[]
  readonly cost: PlanCost
  readonly predicted: LayoutMeasure
}

/** Windows tried before a packing is given up: each try has learnt of extents that have nowhere to go. */
const mostAttempts = 64

/**
 * @returns undefined when the region has no room for the boot set at all
 * @throws no-space when the moves cannot be untangled, or trees would have no room to grow on the way
 */
export function pack(snapshot: Snapshot, request: PackingRequest): Packing | undefined {
  if (request.items.length === 0) return finish(snapshot, request, { runs: [], gaps: [], evict: [] }, [])
  return request.evict ? packWithEviction(snapshot, request) : packIntoFreeSpace(snapshot, request)
}

const bootSources = (items: readonly BootItem[]): RunSet =>
  RunSet.of(items.map(({ from, length }) => ({ start: from, length })))

const itemBlocks = (items: readonly BootItem[]): number => items.reduce((sum, { length }) => sum + length, 0)

function packWithEviction(snapshot: Snapshot, request: PackingRequest): Packing | undefined {
  const { region, free, owned, movable, geometry } = snapshot
  const boot = bootSources(request.items)
  const length = itemBlocks(request.items)
  const stubborn = new Set<FsBlock>()
  let keep = mostKept
  let keepShare = 1 / 8
  let short: BootpackError | undefined
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const terrain = new Terrain({ region, free, owned, boot, movable, evict: true, stubborn, shortest: 1 })
    const window = findWindow(terrain, {
      length,
      goal: request.goal,
      blockCount: geometry.blockCount,
      exact: request.exact,
      weights: request.objective.weights,
    })
    if (!window) break
    const roomForTrees = { ...snapshot, free: withoutKept(free, window, keep, keepShare) }
    const { homes, homeless } = findHomes(roomForTrees, window, boot, request.objective.weights)
    if (homeless.length > 0) {
      for (const { start } of homeless) stubborn.add(start)
      continue
    }
    const evictions = [...homes].map(([owner, home]) => evictionMove(owner, home))
    const packing = finish(roomForTrees, request, window, evictions)
    const { grown, left } = treeRoom(snapshot, packing)
    if (grown <= left) return packing
    short ??= noSpace(
      'no-tree-room',
      `On the way files are in so many pieces that their extent trees need ${grown} more blocks, and of the ${free.blocks} free ones only ${left} are not needed otherwise.`,
      `Free at least ${grown - left} more blocks and plan again.`,
    )
    if (keepShare === mostShare) break
    // With fewer blocks to stop at there will be more pieces than now.
    keep = Math.ceil((grown * 5) / 4)
    keepShare = mostShare
  }
  if (short) throw short
  return undefined
}

/** Most blocks kept back for extent trees that grow, unless it proves that they need more. */
const mostKept = 256
/** Most of the free blocks that are kept back for trees. */
const mostShare = 1 / 2

/**
 * Free space without some blocks that the plan shall not name: a file carried in parts
 * has more extents on the way, and its tree may need a block that is nobody's stop and
 * nobody's home. The smallest runs outside the window, which are worth least as homes.
 */
function withoutKept(free: RunSet, window: Window, most: number, share: number): RunSet {
  const rest = free.clone()
  const outside = free.clone()
  for (const run of window.runs) outside.remove(run)
  let wanted = Math.min(most, Math.floor(outside.blocks * share))
  for (const run of [...outside].sort((a, b) => a.length - b.length || a.start - b.start)) {
    if (wanted === 0) break
    const length = Math.min(wanted, run.length)
    rest.remove({ start: run.start, length })
    wanted -= length
  }
  return rest
}

/** Blocks that trees need on the way, and those free for them; where free space was not seen, there are enough. */
function treeRoom(
  { free, owned, geometry, region, trees }: Snapshot,
  { rounds }: Packing,
): { grown: number; left: number } {
  if (!trees || !wholeDisk(geometry, region)) return { grown: 0, left: Infinity }
  const moves = rounds.flat()
  let left = free.blocks
  for (const target of RunSet.of(moves.map(({ to, length }) => ({ start: to, length })))) {
    for (const { length } of free.within(target)) left -= length
  }
  // A move adds two extents at the most, and a tree has few levels: nobody needs to count.
  if (left > 8 * moves.length) return { grown: 0, left }
  return { grown: treeGrowthOnTheWay(rounds, owned, trees), left }
}

/**
 * Without eviction the run is broken wherever others lie. How short a free stretch
 * is still worth using is not known beforehand: few long ones lie far apart, many
 * short ones close together. So a few thresholds are tried and the predicted measure
 * decides.
 */
function packIntoFreeSpace(snapshot: Snapshot, request: PackingRequest): Packing | undefined {
  const { region, free, owned, movable, geometry } = snapshot
  const boot = bootSources(request.items)
  const length = itemBlocks(request.items)
  const thresholds = [1]
  for (let shortest = 8; shortest <= length * 2; shortest *= 2) thresholds.push(shortest)
  let best: Packing | undefined
  let full: BootpackError | undefined
  const terrain = new Terrain({ region, free, owned, boot, movable, evict: false, stubborn: new Set(), shortest: 1 })
  for (const shortest of thresholds) {
    if (shortest > 1) terrain.raiseShortest(shortest)
    const window = findWindow(terrain, {
      length,
      goal: request.goal,
      blockCount: geometry.blockCount,
      exact: request.exact,
      weights: request.objective.weights,
    })
    if (!window) break
    const packing = unlessFull(() => finish(snapshot, request, window, []))
    if (packing instanceof BootpackError) full = packing
    else if (!best || request.objective.totalMs(packing, geometry) < request.objective.totalMs(best, geometry))
      best = packing
  }
  if (!best && full) throw full
  return best
}

/** A threshold whose moves cannot be untangled is no reason to give up the others. */
function unlessFull(attempt: () => Packing): Packing | BootpackError {
  try {
    return attempt()
  } catch (error) {
    if (error instanceof BootpackError && error.family === 'no-space') return error
    throw error
  }
}

function finish(
  snapshot: Snapshot,
  request: PackingRequest,
  window: Window,
  evictions: readonly PlannedMove[],
): Packing {
  const { geometry } = snapshot
  const placed = placeItems(request.items, window.runs)
  const moves = [...evictions, ...placed].sort((a, b) => a.to - b.to)
  const { rounds, stagedBlocks } = scheduleMoves(moves, snapshot.free)
  const placedBlocks = placed.reduce((sum, { length }) => sum + length, 0)
  const evictedBlocks = evictions.reduce((sum, { length }) => sum + length, 0)
  return {
    runs: trimRuns(window.runs, itemBlocks(request.items)),
    gaps: window.gaps,
    rounds,
    cost: {
      placedBlocks,
      evictedBlocks,
      stagedBlocks,
      bytesWritten: (placedBlocks + evictedBlocks + stagedBlocks) * geometry.blockSize,
    },
    predicted: measureLayout(
      request.boot.reads,
      layoutAfter(request.boot.layout, rounds, snapshot.trees),
      geometry,
      request.boot.missing.length,
      request.objective.models,
    ),
  }
}

/** The first `length` blocks of the runs. */
function trimRuns(runs: readonly BlockRun[], length: number): BlockRun[] {
  const trimmed: BlockRun[] = []
  let left = length
  for (const run of runs) {
    if (left <= 0) break
    trimmed.push({ start: run.start, length: Math.min(run.length, left) })
    left -= run.length
  }
  return trimmed
}

/** How far a region reaches. */
export const wholeDisk = (geometry: Geometry, region: BlockRun): boolean =>
  region.start <= geometry.firstDataBlock && runEnd(region) >= geometry.blockCount

/** The error for a boot set that fits nowhere. */
export function noRoom(snapshot: Snapshot, items: readonly BootItem[], evict: boolean): Error {
  const wanted = itemBlocks(items)
  return noSpace(
    'no-room',
    `The boot set has ${wanted} blocks and no stretch of the disk can take them: ${snapshot.free.blocks} blocks are free.`,
    evict
      ? 'Free some space, or leave files out of the trace.'
      : 'Try --evict, which moves other files out of the way.',
  )
}
