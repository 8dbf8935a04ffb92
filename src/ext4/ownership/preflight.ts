/**
 * The last look before a round is carried out. A plan may be old, or written by
 * somebody else: what must stay is found out anew, and a block whose ownership is in
 * doubt anywhere among those touched stops everything before the first write.
 */
import { refused } from '../../errors.js'
import { blockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import type { ImmovableReason } from '../../layout/reason.js'
import type { Move, MoveOutcome } from '../../volume/volume.js'
import { ClaimMap, type Suspects } from './claim-map.js'
import { collectClaims } from './inode-claims.js'
import type { Filesystem } from '../read/filesystem.js'
import type { ImmovableFiles } from './immovable.js'

export interface GuardedRound {
  readonly moves: readonly Move[]
  readonly skipped: readonly MoveOutcome[]
}

/** @param collected all claims, when a scan has just been made for another reason */
export async function findSuspects(filesystem: Filesystem, collected: ClaimMap | undefined): Promise<Suspects> {
  const map = collected ?? new ClaimMap(filesystem.superblock)
  if (!collected) await collectClaims(filesystem, new RunSet(), map)
  return map.suspects(filesystem)
}

/**
 * @throws refused when a block of a move, where it is or where it goes, has two
 *         owners, or an owner while it is marked free
 */
export async function guardRound(
  filesystem: Filesystem,
  immovable: ImmovableFiles,
  { doublyClaimed, markedFree }: Suspects,
  moves: readonly Move[],
): Promise<GuardedRound> {
  const repair = 'Run e2fsck on it first.'
  for (const move of moves) {
    for (const run of [blockRun(move.from, move.length), blockRun(move.to, move.length)]) {
      for (const { start } of doublyClaimed.within(run))
        throw refused('multiply-claimed', `Block ${start} belongs to more than one owner.`, repair)
      for (const { start } of markedFree.within(run))
        throw refused('marked-free', `Block ${start} belongs to a file but is marked free.`, repair)
    }
  }
  const reasons = new Map<number, ImmovableReason | undefined>()
  const accepted: Move[] = []
  const skipped: MoveOutcome[] = []
  for (const move of moves) {
    // A boot loader or the kernel may know a file's data by number, never its attribute block.
    if (move.kind !== 'xattr' && !reasons.has(move.inode)) {
      const known = filesystem.inodeInRange(move.inode)
      reasons.set(move.inode, known ? await immovable.reason(await filesystem.readInode(move.inode)) : undefined)
    }
    const reason = move.kind === 'xattr' ? undefined : reasons.get(move.inode)
    if (reason === undefined) accepted.push(move)
    else skipped.push({ move, status: 'skipped', reason })
  }
  return { moves: accepted, skipped }
}
