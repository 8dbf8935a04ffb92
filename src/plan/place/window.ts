/**
 * Where the boot set goes: the stretch of disk that holds it at the smallest cost.
 *
 * Cost is counted in blocks written once, so that its three parts can be added: every
 * block of others that has to be written elsewhere counts 1; the distance from the goal
 * and every gap count what the objective says they are worth (objective.ts).
 */
import { fsBlock, type FsBlock } from '../../layout/block.js'
import { blockRun, runEnd, type BlockRun } from '../../layout/run.js'
import type { GapCause } from '../../layout/gap-cause.js'
import type { OwnedRun } from '../../layout/owner.js'
import type { PlanGap } from '../plan.js'
import type { PlaceWeights } from '../objective.js'
import type { Terrain } from './segment-map.js'

export interface Window {
  /** Where the boot blocks will lie, in order. */
  readonly runs: readonly BlockRun[]
  readonly gaps: readonly PlanGap[]
  /** Extents of others that must leave, whole. */
  readonly evict: readonly OwnedRun[]
}

export interface WindowRequest {
  /** Blocks to place. */
  readonly length: number
  readonly goal: FsBlock
  readonly blockCount: number
  /** True: the window begins at the goal or as soon after it as blocks can be had. */
  readonly exact: boolean
  readonly weights: PlaceWeights
  /** Only a stretch without a gap will do. */
  readonly unbroken?: boolean
}

/** @returns undefined when there is no such stretch */
export function findWindow(terrain: Terrain, request: WindowRequest): Window | undefined {
  const { length } = request
  if (length === 0 || terrain.usableBlocks < length) return undefined
  const start = request.exact ? exactStart(terrain, request) : cheapestStart(terrain, request)
  if (start === undefined) return undefined
  return describe(terrain, start, endOf(terrain, start, length)!)
}

const endOf = (terrain: Terrain, start: FsBlock, length: number): FsBlock | undefined =>
  terrain.blockAfterUsable(terrain.usableUpTo(start) + length)

/** First usable block from the goal on with enough room behind it, else the last such block. */
function exactStart(terrain: Terrain, { goal, length }: WindowRequest): FsBlock {
  const wanted = Math.min(terrain.usableUpTo(goal), terrain.usableBlocks - length)
  return fsBlock(terrain.blockAfterUsable(wanted + 1)! - 1)
}

function cheapestStart(
  terrain: Terrain,
  { goal, length, blockCount, unbroken, weights }: WindowRequest,
): FsBlock | undefined {
  let best: FsBlock | undefined
  let bestCost = Infinity
  terrain.eachWindow(length, (start, evicted, gaps) => {
    if (unbroken && gaps > 0) return
    const cost =
      evicted + weights.distance * length * (Math.abs(start - goal) / blockCount) + weights.gap * length * gaps
    if (cost < bestCost || (cost === bestCost && start < best!)) {
      best = start
      bestCost = cost
    }
  })
  return best
}

function describe(terrain: Terrain, start: FsBlock, end: FsBlock): Window {
  const runs: BlockRun[] = []
  const gaps: PlanGap[] = []
  const evict: OwnedRun[] = []
  for (const segment of terrain.touching(start, end)) {
    const from = Math.max(start, segment.start)
    const run = blockRun(from, Math.min(end, runEnd(segment)) - from)
    if (segment.class === 'fixed') {
      const last = gaps.at(-1)
      if (last && runEnd(last) === run.start) gaps[gaps.length - 1] = joinGaps(last, run.length, segment.cause!)
      else gaps.push({ ...run, causes: [segment.cause!] })
      continue
    }
    const last = runs.at(-1)
    if (last && runEnd(last) === run.start) runs[runs.length - 1] = blockRun(last.start, last.length + run.length)
    else runs.push(run)
    if (segment.class === 'cold') evict.push(segment.owner!)
  }
  return { runs, gaps, evict }
}

/** One gap is one break, whoever lies in it; it names all of them. */
function joinGaps({ start, length, causes }: PlanGap, more: number, cause: GapCause): PlanGap {
  return { start, length: length + more, causes: [...new Set([...causes, cause])] }
}
