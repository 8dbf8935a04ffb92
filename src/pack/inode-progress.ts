/**
 * How far the renumbering of a plan has come, read from the disk: each inode is found by
 * its name, and its number tells. Numbers on the way are numbers of the plan too, since
 * whoever makes room for one may have to make room for another.
 */
import { refused } from '../errors.js'
import { exchangesTowards } from '../plan/inodes/permutation.js'
import type { Plan, PlannedRenumbering } from '../plan/plan.js'
import type { Renumbering } from '../volume/capabilities.js'
import type { Volume } from '../volume/volume.js'

export interface InodeProgress {
  /** Numbers that inodes have by now, by those the plan's rounds know them by. */
  readonly now: ReadonlyMap<number, number>
  /** What is left to do, in order. */
  readonly remaining: readonly Renumbering[]
  /** What leads back, in order. */
  readonly back: readonly Renumbering[]
  /** Inodes that have the number the plan gives them. */
  readonly placed: number
  /** Inodes that are still there. */
  readonly total: number
  /** Names that lead to other files by now. */
  readonly strayed: readonly PlannedRenumbering[]
}

const nothing: InodeProgress = { now: new Map(), remaining: [], back: [], placed: 0, total: 0, strayed: [] }

/** @throws refused where the engine cannot tell names from numbers */
export async function inodeProgressOf(plan: Plan, volume: Volume): Promise<InodeProgress> {
  if (!plan.inodes) return nothing
  const { inodeTables } = volume.capabilities
  if (!inodeTables) {
    throw refused(
      'numbers-unknown',
      `The plan renumbers inodes, and ${volume.engine} cannot follow that.`,
      'Unmount the filesystem and name the device or image.',
    )
  }
  const { renumberings } = plan.inodes
  const numbers = new Set(renumberings.flatMap(({ inode, to }) => [inode, to]))
  const now = new Map<number, number>()
  const held = new Set<number>()
  const strayed: PlannedRenumbering[] = []
  const found: { readonly planned: PlannedRenumbering; readonly now: number }[] = []
  for (const planned of renumberings) {
    const number = await inodeTables.inodeAt(planned.path)
    if (number === undefined) continue
    if (!numbers.has(number) || held.has(number)) {
      strayed.push(planned)
      continue
    }
    held.add(number)
    now.set(planned.inode, number)
    found.push({ planned, now: number })
  }
  return {
    now,
    remaining: exchangesTowards(found.map((member) => ({ now: member.now, to: member.planned.to }))),
    back: exchangesTowards(found.map((member) => ({ now: member.now, to: member.planned.inode }))),
    placed: found.filter((member) => member.now === member.planned.to).length,
    total: found.length + strayed.length,
    strayed,
  }
}
