/** Files that somebody else keeps in place at this moment: programs that run, leases, locks. */
import { fstatSync } from 'node:fs'
import { deviceNumber } from '../../host/block-devices.js'
import { filesHeldOn } from '../../host/file-locks.js'
import { runningPrograms } from '../../host/running-programs.js'
import type { ImmovableReason } from '../../layout/reason.js'

export interface HeldFiles {
  readonly running: ReadonlySet<number>
  readonly leased: ReadonlySet<number>
  readonly locked: ReadonlySet<number>
}

/**
 * Looks once, some milliseconds. A process in a container sees neither programs nor locks
 * of those outside.
 * @param root descriptor of any directory of the filesystem
 */
export function lookForHolders(root: number): HeldFiles {
  return { running: runningPrograms(fstatSync(root, { bigint: true }).dev), ...lookForLocks(root) }
}

/** The same without programs, for looking often. */
export function lookForLocks(root: number): Pick<HeldFiles, 'leased' | 'locked'> {
  const held = filesHeldOn(deviceNumber(fstatSync(root, { bigint: true }).dev))
  const ofKind = (wanted: string): Set<number> =>
    new Set(held.filter(({ kind }) => kind === wanted).map(({ inode }) => inode))
  return { leased: ofKind('lease'), locked: ofKind('lock') }
}

export function heldReason({ running, leased, locked }: HeldFiles, inode: number): ImmovableReason | undefined {
  if (running.has(inode)) return 'running'
  if (leased.has(inode)) return 'leased'
  return locked.has(inode) ? 'locked' : undefined
}
