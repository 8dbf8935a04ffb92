import type { FileLayout } from '../layout/file-layout.js'
import type { Plan, PlannedMove } from '../plan/plan.js'
import { touchedLayouts } from '../plan/fingerprint.js'
import { refused } from '../errors.js'
import type { Volume } from '../volume/volume.js'
import { chainsOf, placeInChain, roundsOf, stepsBack, stepsFrom, type Chain } from './move-trajectory.js'

export interface PlanProgress {
  /** What is left to do, in rounds. */
  readonly remaining: readonly (readonly PlannedMove[])[]
  /** What leads back to where everything was, in rounds. */
  readonly back: readonly (readonly PlannedMove[])[]
  /** Blocks at their last place. */
  readonly placedBlocks: number
  /** Blocks anywhere behind their first place. */
  readonly movedBlocks: number
  readonly totalBlocks: number
  /** Runs that lie where the plan never put them. */
  readonly strayed: readonly Chain[]
  /** Runs whose file is deleted or whose tree block is no longer needed. */
  readonly gone: readonly Chain[]
  readonly layouts: readonly FileLayout[]
}

/**
 * Looks where everything a plan moves lies now.
 * @param now numbers that inodes have by now, see inode-progress.ts
 */
export async function progressOf(
  plan: Plan,
  volume: Volume,
  now: ReadonlyMap<number, number> = new Map(),
): Promise<PlanProgress> {
  const layouts = await touchedLayouts(volume, plan.rounds, now)
  const byInode = new Map(layouts.map((layout) => [layout.inode, layout]))
  const forward: ReturnType<typeof stepsFrom> = []
  const back: ReturnType<typeof stepsBack> = []
  const strayed: Chain[] = []
  const gone: Chain[] = []
  let placedBlocks = 0
  let movedBlocks = 0
  let totalBlocks = 0
  for (const chain of chainsOf(plan.rounds)) {
    const place = placeInChain(chain, byInode.get(chain.inode))
    if (place === 'gone') gone.push(chain)
    else if (place === 'strayed') strayed.push(chain)
    else {
      forward.push(...stepsFrom(chain, place))
      back.push(...stepsBack(chain, place))
      if (place > 0) movedBlocks += chain.length
      if (place === chain.places.length - 1) placedBlocks += chain.length
    }
    if (place !== 'gone') totalBlocks += chain.length
  }
  return {
    remaining: roundsOf(forward),
    back: roundsOf(back, true),
    placedBlocks,
    movedBlocks,
    totalBlocks,
    strayed,
    gone,
    layouts,
  }
}

/** @throws refused when the plan was made for another filesystem */
export function checkIdentity(plan: Plan, volume: Volume): void {
  const { uuid, blockSize, blockCount } = volume.geometry()
  const wanted = plan.volume
  if (uuid === wanted.uuid && blockSize === wanted.blockSize && blockCount === wanted.blockCount) return
  throw refused(
    'other-volume',
    `The plan is for the filesystem ${wanted.uuid} with ${wanted.blockCount} blocks of ${wanted.blockSize} bytes; this is ${uuid} with ${blockCount} of ${blockSize}.`,
    'Make a plan for this one with bootpack plan.',
  )
}
