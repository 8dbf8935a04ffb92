import type { Plan } from '../plan/plan.js'
import type { Volume } from '../volume/volume.js'
import { checkIdentity, progressOf } from './plan-progress.js'
import { inodeProgressOf } from './inode-progress.js'
import { inodesNow, type InodeResult } from './renumber-stage.js'
import { unmovedRun, type UnmovedRun } from './apply-plan.js'

export interface Verification {
  /** Blocks the plan moves and that still exist. */
  readonly totalBlocks: number
  readonly placedBlocks: number
  /** Runs elsewhere, with where they are in the plan's terms. */
  readonly misplaced: readonly UnmovedRun[]
  /** Of a plan that renumbers inodes. */
  readonly inodes?: InodeResult
  readonly complete: boolean
}

/** Compares the disk with what the plan wants. Reads only. */
export async function verifyPlan(plan: Plan, volume: Volume): Promise<Verification> {
  checkIdentity(plan, volume)
  const progress = await progressOf(plan, volume, (await inodeProgressOf(plan, volume)).now)
  const inodes = await inodesNow(plan, volume)
  const waiting = progress.remaining.flat().filter((move) => !move.staging)
  const misplaced = [
    ...waiting.map((move) => unmovedRun(move, { reason: 'pending' })),
    ...progress.strayed.map((chain) => unmovedRun(chain, { reason: 'changed' })),
  ]
  return {
    totalBlocks: progress.totalBlocks,
    placedBlocks: progress.placedBlocks,
    misplaced,
    ...(inodes && { inodes }),
    complete: misplaced.length === 0 && (inodes?.left.length ?? 0) === 0,
  }
}
