/** The stage of a plan that renumbers inodes: last when it is applied, first when it is undone. */
import { refused } from '../errors.js'
import type { Plan } from '../plan/plan.js'
import type { NumberReason } from '../layout/reason.js'
import type { Renumbering, SkippedRenumbering } from '../volume/capabilities.js'
import type { Stayed, Volume } from '../volume/volume.js'
import { inodeProgressOf, type InodeProgress } from './inode-progress.js'

export interface RenumberedInode extends Stayed<NumberReason> {
  /** As the plan knows it. */
  readonly inode: number
  readonly path?: string
}

export interface InodeResult {
  /** Inodes of the plan that have another number than before this run. */
  readonly renumbered: number
  /** Inodes that have the number they should have, of those that are still there. */
  readonly placed: number
  readonly total: number
  /** Those that do not, with their reason. */
  readonly left: readonly RenumberedInode[]
}

export interface StageOptions {
  readonly signal?: AbortSignal
}

/** @throws refused where inodes keep their numbers, and there are some to change */
export function refuseStage(volume: Volume, exchanges: readonly Renumbering[]): void {
  if (exchanges.length === 0 || volume.capabilities.inodeTables?.numbers) return
  throw refused(
    'numbers-fixed',
    `The plan renumbers inodes, which ${volume.engine} cannot do: the kernel holds them by number while a filesystem is mounted.`,
    'Unmount it and name the device or image with --target.',
  )
}

/**
 * @param direction 'on' to the numbers the plan gives, 'back' to those it found
 * @returns undefined for a plan that renumbers nothing
 */
export async function renumberStage(
  plan: Plan,
  volume: Volume,
  direction: 'on' | 'back',
  options: StageOptions,
): Promise<InodeResult | undefined> {
  if (!plan.inodes) return undefined
  const before = await inodeProgressOf(plan, volume)
  const exchanges = direction === 'on' ? before.remaining : before.back
  refuseStage(volume, exchanges)
  const skipped: SkippedRenumbering[] = []
  if (exchanges.length > 0) {
    for await (const outcome of volume.capabilities.inodeTables!.numbers!.renumber(exchanges, options))
      if (outcome.status === 'skipped') skipped.push(outcome)
  }
  const after = await inodeProgressOf(plan, volume)
  return resultOf(plan, direction, before, after, skipped)
}

/** How things stand, without changing them. */
export async function inodesNow(plan: Plan, volume: Volume): Promise<InodeResult | undefined> {
  if (!plan.inodes) return undefined
  const progress = await inodeProgressOf(plan, volume)
  return resultOf(plan, 'on', progress, progress, [])
}

function resultOf(
  plan: Plan,
  direction: 'on' | 'back',
  before: InodeProgress,
  after: InodeProgress,
  skipped: readonly SkippedRenumbering[],
): InodeResult {
  const reasons = new Map(
    skipped.map(({ renumbering, reason, detail }) => [
      renumbering.inode,
      { reason, ...(detail !== undefined && { detail }) },
    ]),
  )
  const strayed = new Set(after.strayed)
  const left: RenumberedInode[] = []
  let renumbered = 0
  for (const planned of plan.inodes!.renumberings) {
    const { inode, path, to } = planned
    const now = after.now.get(inode)
    if (now !== before.now.get(inode)) renumbered++
    if (strayed.has(planned)) left.push({ inode, path, reason: 'renamed' })
    else if (now !== undefined && now !== (direction === 'on' ? to : inode))
      left.push({ inode, path, ...(reasons.get(now) ?? ({ reason: 'pending' } as const)) })
  }
  return { renumbered, placed: after.total - left.length, total: after.total, left }
}
