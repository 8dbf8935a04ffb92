/**
 * One round of moves on an image.
 *
 * The data: moves whose targets are free when the round begins; so no target is a
 * source, and a block freed in the round is written only in a later one. The round is
 * cut into batches, each an inode's moves or those of many, small enough for one
 * transaction of the journal. A batch is:
 *
 *     copy the contents to free blocks | one transaction that points at them
 *
 * where the flush in between is the transaction's own first one (see journal.ts). Up
 * to the commit nothing on the disk points at what was copied; from the commit on
 * nothing points at what was left. Cut at any instant, each inode is wholly before or
 * wholly after its batch.
 *
 * What is reported as moved was read back from the disk, not concluded.
 */
import type { Move, MoveOutcome, RelocateOptions, SkippedMove } from '../../volume/volume.js'
import { blockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import type { Filesystem } from '../read/filesystem.js'
import { inodesSharing } from '../ownership/owners.js'
import { Batch, batchBytes } from './batch.js'
import { checkRound } from './check.js'
import { planInode, type InodeRelocation, type XattrSharers } from './inode.js'
import { placeOf, readInodeState } from './place.js'
import { TreeRoom } from './room.js'
import type { Committer } from '../commit/committer.js'

/**
 * Carries out one round. Each move gets one outcome; on an abort, those of batches
 * that had not begun get none. What was reported survives a crash from then on; the
 * filesystem is clean again once the caller has closed the committer.
 * @throws corrupt when something that was looked at is damaged; io. The batch in
 *         hand is then wholly done or not at all, as a recovery decides.
 */
export async function* relocateOnImage(
  filesystem: Filesystem,
  committer: Committer,
  moves: readonly Move[],
  options: RelocateOptions,
): AsyncGenerator<MoveOutcome, void, undefined> {
  const { accepted, settled } = await checkRound(filesystem, moves)
  yield* settled
  const room = new TreeRoom(filesystem, () => [
    ...options.reserved,
    ...[...accepted.values()].flat().flatMap(({ from, to, length }) => [blockRun(from, length), blockRun(to, length)]),
  ])
  const sharers = xattrSharers(filesystem, accepted)
  const queue = cutIntoUnits(accepted, Math.floor(batchBytes / filesystem.blockSize))
  let copied = 0
  while (queue.length > 0 && !options.signal?.aborted) {
    const { batch, units, outcomes } = await gather({ filesystem, committer, room, sharers }, queue)
    yield* outcomes
    if (units.length === 0) continue
    await batch.carryOut((blocks) => {
      copied += blocks
      options.onProgress?.(copied)
    })
    for (const unit of units) yield* await readBack(filesystem, unit)
  }
}

/** Moves of one inode that go together. */
interface Unit {
  readonly inode: number
  readonly moves: readonly Move[]
}

/** An inode's moves in one piece, unless they are more than a batch should copy. */
function cutIntoUnits(accepted: ReadonlyMap<number, readonly Move[]>, mostBlocks: number): Unit[] {
  const units: Unit[] = []
  for (const [inode, moves] of accepted) {
    let from = 0
    let blocks = 0
    moves.forEach((move, index) => {
      if (index > from && blocks + move.length > mostBlocks) {
        units.push({ inode, moves: moves.slice(from, index) })
        from = index
        blocks = 0
      }
      blocks += move.length
    })
    units.push({ inode, moves: moves.slice(from) })
  }
  return units.reverse()
}

interface Gathered {
  readonly batch: Batch
  /** Those whose place on the disk tells how it went. */
  readonly units: readonly Unit[]
  /** Of moves that cannot be made after all. */
  readonly outcomes: readonly MoveOutcome[]
}

interface Round {
  readonly filesystem: Filesystem
  readonly committer: Committer
  readonly room: TreeRoom
  readonly sharers: XattrSharers
}

/** Takes units from the end of the queue as long as they fit one batch. */
async function gather({ filesystem, committer, room, sharers }: Round, queue: Unit[]): Promise<Gathered> {
  const batch = new Batch(filesystem, committer)
  const units: Unit[] = []
  const outcomes: MoveOutcome[] = []
  const inodes = new Set<number>()
  for (let unit = queue.at(-1); unit && !inodes.has(unit.inode); unit = queue.at(-1)) {
    const { relocation, refused } = await prepare(unit)
    if (relocation && !batch.add(relocation)) {
      room.giveBack(relocation.grownInto)
      if (units.length > 0) break
      // Alone, and still more metadata than the journal takes.
      queue.pop()
      if (unit.moves.length > 1) queue.push(...halves(unit))
      else
        outcomes.push({
          move: unit.moves[0]!,
          status: 'skipped',
          reason: 'journal-full',
        })
      break
    }
    queue.pop()
    inodes.add(unit.inode)
    const refusedMoves = new Set(refused.map(({ move }) => move))
    outcomes.push(...refused)
    const moves = unit.moves.filter((move) => !refusedMoves.has(move))
    if (moves.length > 0) units.push({ inode: unit.inode, moves })
  }
  return { batch, units, outcomes }

  async function prepare(
    unit: Unit,
  ): Promise<{ relocation: InodeRelocation | undefined; refused: readonly SkippedMove[] }> {
    const state = await readInodeState(filesystem, unit.inode)
    // An attribute block that several share may have moved with another of them.
    const still = state
      ? unit.moves.filter(
          (move) => placeOf(state, move) === 'at-source' && !(move.kind === 'xattr' && batch.movesXattr(move.from)),
        )
      : []
    return state && still.length > 0
      ? planInode(filesystem, state, still, room, sharers)
      : { relocation: undefined, refused: [] }
  }
}

/** Looks for all sharers of the round's attribute blocks at once, when the first is asked for: it takes a scan of all inodes. */
function xattrSharers(filesystem: Filesystem, accepted: ReadonlyMap<number, readonly Move[]>): XattrSharers {
  let found: Promise<ReadonlyMap<number, readonly number[]>> | undefined
  return async (block) => {
    found ??= inodesSharing(
      filesystem,
      RunSet.of(
        [...accepted.values()]
          .flat()
          .filter(({ kind }) => kind === 'xattr')
          .map(({ from }) => blockRun(from, 1)),
      ),
    )
    return (await found).get(block) ?? []
  }
}

/** The second half waits below the first. */
function halves({ inode, moves }: Unit): Unit[] {
  const middle = Math.ceil(moves.length / 2)
  return [
    { inode, moves: moves.slice(middle) },
    { inode, moves: moves.slice(0, middle) },
  ]
}

/** The disk's own word on what became of each move. */
async function readBack(filesystem: Filesystem, { inode, moves }: Unit): Promise<MoveOutcome[]> {
  const state = await readInodeState(filesystem, inode)
  return moves.map((move) => {
    const place = state ? placeOf(state, move) : 'gone'
    if (place === 'at-target') return { move, status: 'moved' }
    if (place === 'gone') return { move, status: 'gone' }
    return { move, status: 'skipped', reason: 'unconfirmed' }
  })
}
