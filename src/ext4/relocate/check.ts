/**
 * Which moves of a round may be carried out. Nothing is believed of a move: its
 * blocks must lie where it says, belong to what it says, and be free to go; its
 * target must be free in the bitmap and nobody else's target. A target that is
 * another move's source is in use and so fails by itself.
 */
import { nextOne } from '../../bytes/bitset.js'
import { blockRun, runsOverlap, type BlockRun } from '../../layout/run.js'
import type { OwnedKind } from '../../layout/owner.js'
import type { StayReason } from '../../layout/reason.js'
import type { FileType, Move, MoveOutcome, Stayed } from '../../volume/volume.js'
import type { Filesystem } from '../read/filesystem.js'
import { groupLength, groupOfBlock, groupStart } from '../format/group-layout.js'
import { inherentReason, isSystemInode } from '../ownership/immovable.js'
import { placeOf, readInodeState, type InodeState } from './place.js'

export interface CheckedRound {
  /** Moves that can be made, by inode in ascending order. */
  readonly accepted: ReadonlyMap<number, readonly Move[]>
  /** Outcomes that are known already. */
  readonly settled: readonly MoveOutcome[]
}

/** Inodes whose state is read ahead together. */
const inodesAhead = 1024

/** @throws corrupt when an inode, a tree or a bitmap that was looked at is damaged */
export async function checkRound(filesystem: Filesystem, moves: readonly Move[]): Promise<CheckedRound> {
  const settled: MoveOutcome[] = []
  const skip = (move: Move, why: Stayed<StayReason>): void => {
    settled.push({ move, status: 'skipped', ...why })
  }
  const byInode = new Map<number, Move[]>()
  for (const move of moves) {
    const problem = badNumbers(filesystem, move)
    if (problem !== undefined) skip(move, problem)
    else if (byInode.get(move.inode)?.push(move) === undefined) byInode.set(move.inode, [move])
  }

  const inPlace: Move[] = []
  const numbers = [...byInode.keys()].sort((a, b) => a - b)
  for (const [index, number] of numbers.entries()) {
    if (index % inodesAhead === 0) {
      await filesystem.blocks.prefetch(
        numbers
          .slice(index, index + inodesAhead)
          .filter((inode) => filesystem.inodeInRange(inode))
          .map((inode) => filesystem.inodeHome(inode).block),
      )
    }
    const state = await readInodeState(filesystem, number)
    for (const move of byInode.get(number)!) {
      const place = state ? placeOf(state, move) : 'gone'
      const reason = place === 'at-source' ? immovable(filesystem, state!, move) : undefined
      if (place === 'gone') settled.push({ move, status: 'gone' })
      else if (place === 'at-target') settled.push({ move, status: 'already' })
      else if (place === 'elsewhere') skip(move, { reason: 'changed' })
      else if (reason !== undefined) skip(move, reason)
      else inPlace.push(move)
    }
  }

  const single = withoutOverlaps(inPlace, source, (move) =>
    skip(move, { reason: 'conflict', detail: 'the same blocks' }),
  )
  const apart = withoutOverlaps(single, target, (move) => skip(move, { reason: 'conflict', detail: 'the same target' }))
  const accepted = new Map<number, Move[]>(numbers.map((number) => [number, []]))
  for (const [move, used] of await usedTargets(filesystem, apart)) {
    if (used === undefined) accepted.get(move.inode)!.push(move)
    else skip(move, { reason: 'taken', detail: `block ${used}` })
  }
  for (const [number, taken] of accepted) if (taken.length === 0) accepted.delete(number)
  return { accepted, settled }
}

const source = (move: Move): BlockRun => blockRun(move.from, move.length)
const target = (move: Move): BlockRun => blockRun(move.to, move.length)

function badNumbers(filesystem: Filesystem, move: Move): Stayed<StayReason> | undefined {
  const invalid = (detail: string): Stayed<StayReason> => ({ reason: 'invalid', detail })
  const whole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
  if (
    !whole(move.inode) ||
    !whole(move.logical) ||
    !whole(move.from) ||
    !whole(move.to) ||
    !whole(move.length) ||
    move.length === 0
  ) {
    return invalid('its numbers are none')
  }
  if (!filesystem.inside(source(move)) || !filesystem.inside(target(move)))
    return invalid('it leads outside the filesystem')
  if (move.kind === 'xattr' && move.length !== 1) return invalid('an attribute block is one block')
  return undefined
}

const typeOfKind: Readonly<Partial<Record<OwnedKind, FileType>>> = {
  data: 'regular',
  directory: 'directory',
  symlink: 'symlink',
}

/** Why this engine must leave the blocks where they are. */
function immovable({ superblock }: Filesystem, { inode }: InodeState, move: Move): Stayed<StayReason> | undefined {
  if (move.kind === 'xattr') return isSystemInode(inode.number, superblock) ? { reason: 'system-inode' } : undefined
  const type = typeOfKind[move.kind]
  const reason = inherentReason(inode, superblock)
  if (reason !== undefined) return { reason }
  return type !== undefined && type !== inode.type
    ? { reason: 'invalid', detail: `inode ${inode.number} is no ${type}` }
    : undefined
}

/**
 * Those moves of which no other has blocks in common; of two that overlap the first
 * on the disk stays. Inodes that share an attribute block may each bring the same move.
 * @returns sorted by the runs
 */
function withoutOverlaps(
  moves: readonly Move[],
  runOf: (move: Move) => BlockRun,
  reject: (move: Move) => void,
): Move[] {
  const kept: Move[] = []
  for (const move of [...moves].sort((a, b) => runOf(a).start - runOf(b).start)) {
    const last = kept.at(-1)
    const same = last?.kind === 'xattr' && move.kind === 'xattr' && last.from === move.from && last.to === move.to
    if (last && !same && runsOverlap(runOf(last), runOf(move))) reject(move)
    else kept.push(move)
  }
  return kept
}

/**
 * The first block in use of each target.
 * @param moves sorted by target, so that each bitmap is needed once
 */
async function usedTargets(filesystem: Filesystem, moves: readonly Move[]): Promise<[Move, number | undefined][]> {
  const { superblock } = filesystem
  let held = -1
  let bits: Uint8Array = new Uint8Array(0)
  const firstUsed = async (run: BlockRun): Promise<number | undefined> => {
    for (let at: number = run.start; at < run.start + run.length;) {
      const group = groupOfBlock(superblock, at)
      const start = groupStart(superblock, group)
      const to = Math.min(groupLength(superblock, group), run.start + run.length - start)
      if (group !== held) bits = await filesystem.blockBitmap(group)
      held = group
      const used = nextOne(bits, at - start, to)
      if (used < to) return start + used
      at = start + to
    }
    return undefined
  }
  const found: [Move, number | undefined][] = []
  for (const move of moves) found.push([move, await firstUsed(target(move))])
  return found
}
