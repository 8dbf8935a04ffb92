/**
 * Carving: blocks that arenas hold become blocks of files, piece by piece, each
 * piece read back.
 *
 * EXT4_IOC_MOVE_EXT is asked for runs that lie in one piece in the arena, in one
 * extent of the file, and before the end of the file. Its answer is not believed:
 * FIEMAP is. A file that is being written fails with EBUSY or ENODATA while its
 * pages are in flight; writing them out and trying again helps. What still does not
 * move as a whole is exchanged back, so that a move either happened or did not.
 */
import { closeSync } from 'node:fs'
import { BootpackError } from '../../errors.js'
import { errnoName, errnoNumber, failedWith } from '../../kernel/errno.js'
import { fileDataSync } from '../../kernel/fdatasync.js'
import { fiemap } from '../../kernel/fiemap.js'
import { tryMoveExtent } from '../../kernel/move-extent.js'
import { extent, mergeExtents, type Extent } from '../../layout/extent.js'
import { blockRun } from '../../layout/run.js'
import type { RunSet } from '../../layout/run-set.js'
import type { StayReason } from '../../layout/reason.js'
import type { Move, MoveOutcome, Stayed } from '../../volume/volume.js'
import { openForMoving, openGuarded } from './file-guard.js'
import type { Held } from '../reserve/donor-file.js'
import { fallocateCommitted } from '../reserve/fallocate-committed.js'
import type { Holdings } from '../reserve/reservation.js'
import { WarmPages } from './warm-pages.js'

export interface CarveContext {
  readonly root: number
  readonly blockSize: number
  /** Blocks of a page of memory: both sides of an exchange start at the same block of a page. */
  readonly blocksPerPage: number
  readonly holdings: Holdings
  readonly swapFiles: ReadonlySet<number>
  /** Free blocks that could not be claimed; a target among them is not taken by anybody. */
  readonly unclaimed?: RunSet
  readonly onMoved: (blocks: number) => void
}

const attempts = 4

/** What the file's map says about a move. */
type Place = 'at-target' | 'at-source' | 'hole' | 'elsewhere'

export interface Carved {
  /** One for each move, in their order. */
  readonly outcomes: readonly MoveOutcome[]
  /** To be called when what was moved is on disk: puts the page cache back and closes the file. */
  readonly finish: () => void
}

/** Moves of one file. */
export function carveFile(context: CarveContext, inode: number, moves: readonly Move[]): Carved {
  const guarded = openGuarded(context.root, inode)
  const nothing = (): void => {}
  if (guarded === 'gone') return { outcomes: moves.map((move) => ({ move, status: 'gone' })), finish: nothing }
  if ('reason' in guarded) return { outcomes: moves.map((move) => skipped(move, guarded)), finish: nothing }
  try {
    return new FileCarver(context, guarded).carve(moves)
  } catch (error) {
    closeSync(guarded.fd)
    context.holdings.rereadAll()
    // One file that cannot be read or mapped is no reason to stop.
    if (!(error instanceof BootpackError) || failedWith(error, 'EMFILE', 'ENFILE', 'EROFS')) throw error
    return {
      outcomes: moves.map((move) => skipped(move, { reason: 'failed', detail: error.message })),
      finish: nothing,
    }
  }
}

class FileCarver {
  private readonly fd: number
  private readonly inode: number
  /** Blocks the file's size covers; what lies behind is preallocated and does not move. */
  private readonly blocks: number

  constructor(
    private readonly context: CarveContext,
    file: { readonly fd: number; readonly size: number; readonly inode: number },
  ) {
    this.fd = file.fd
    this.inode = file.inode
    this.size = file.size
    this.blocks = Math.ceil(file.size / context.blockSize)
  }

  private readonly size: number

  carve(moves: readonly Move[]): Carved {
    const { blockSize } = this.context
    let warm: WarmPages | undefined
    const outcomes = new Map<Move, MoveOutcome>()
    const due: Move[] = []
    for (const move of moves) {
      const place = this.placeOf(move)
      if (place === 'at-target') outcomes.set(move, { move, status: 'already' })
      else if (place === 'hole') outcomes.set(move, { move, status: 'gone' })
      else if (place === 'elsewhere') outcomes.set(move, skipped(move, { reason: 'changed' }))
      else if (move.logical + move.length > this.blocks) outcomes.set(move, skipped(move, { reason: 'preallocated' }))
      else if (!this.context.holdings.holds(targetOf(move)))
        outcomes.set(
          move,
          skipped(move, { reason: this.context.unclaimed?.intersects(targetOf(move)) ? 'no-space' : 'taken' }),
        )
      else due.push(move)
    }
    if (due.length > 0) {
      warm = new WarmPages(
        this.fd,
        this.size,
        due
          .map(({ logical, length }) => ({ from: logical * blockSize, length: length * blockSize }))
          .sort((a, b) => a.from - b.from),
      )
      warm.drop()
      const opened = openForMoving(this.context.root, this.inode, this.context.swapFiles)
      if (opened === 'gone') for (const move of due) outcomes.set(move, { move, status: 'gone' })
      else if ('reason' in opened) for (const move of due) outcomes.set(move, skipped(move, opened))
      else {
        try {
          for (const move of due) outcomes.set(move, this.move(opened.fd, move))
        } finally {
          closeSync(opened.fd)
        }
      }
    }
    return {
      outcomes: moves.map((move) => outcomes.get(move)!),
      finish: () => {
        try {
          warm?.restore()
        } finally {
          closeSync(this.fd)
        }
      },
    }
  }

  /** One move, whole or not at all. */
  private move(fd: number, move: Move): MoveOutcome {
    const done: Exchange[] = []
    let failure: Stayed<StayReason> | undefined
    for (const { logical, length, unwritten } of this.map(move.logical, move.length)) {
      const start = move.to + logical - move.logical
      // Looked up one by one: shifting an arena and exchanging change what is held.
      for (let at = start; at < start + length && failure === undefined;) {
        const [found] = this.context.holdings.within(blockRun(at, start + length - at))
        if (!found || found.start !== at) {
          failure = { reason: 'taken' }
          break
        }
        const offset = logical + at - start
        const exchange: Exchange = {
          length: found.length,
          logical: offset,
          from: move.from + offset - move.logical,
          unwritten,
        }
        const errno = this.exchange(fd, found, exchange)
        if (errno === undefined) done.push(exchange)
        else failure = reasonOf(errno)
        at += found.length
      }
      if (failure !== undefined) break
    }
    if (failure === undefined) {
      this.context.onMoved(move.length)
      return { move, status: 'moved' }
    }
    const back = done.reverse().map((exchange) => this.exchangeBack(fd, exchange))
    return skipped(move, back.every((whole) => whole) ? failure : { reason: 'partly-moved' })
  }

  /**
   * Exchanges one piece and records it as far as it came.
   * @returns undefined when all of it is at its target, else what the kernel said
   */
  private exchange(fd: number, found: Held, { logical, unwritten }: Exchange): number | undefined {
    const { blockSize, holdings } = this.context
    let held: Held
    try {
      held = this.seat(found, logical)
      // Written blocks of an arena would make the file's unwritten ones written.
      if (unwritten) fallocateCommitted(held.arena, 'zeroRange', held.logical * blockSize, held.length * blockSize)
    } catch (error) {
      if (failedWith(error, 'ENOSPC')) return errnoNumber.ENOSPC
      throw error
    }
    for (let attempt = 1; ; attempt++) {
      let errno = 0
      // Only what is not there yet: exchanging the rest again would take it back.
      for (const part of this.map(logical, held.length)) {
        const offset = part.logical - logical
        if (part.physical === held.start + offset) continue
        const { errno: failed } = tryMoveExtent({
          original: fd,
          donor: held.arena.fd,
          originalStart: part.logical,
          donorStart: held.logical + offset,
          length: part.length,
        })
        if (failed !== 0) errno = failed
      }
      if (this.isAt(logical, held.length, held.start)) {
        holdings.reread(held)
        return undefined
      }
      if (attempt === attempts || !passing.has(errno)) {
        this.bringBack(fd, held, logical)
        return errno
      }
      // Writing the pages out is mostly enough; a commit costs more.
      if (attempt === 1) this.map(logical, held.length, true)
      else fileDataSync(this.fd)
    }
  }

  /** A piece that moved in part: the part goes back. What cannot is recorded as it is. */
  private bringBack(fd: number, held: Held, logical: number): void {
    for (const part of this.map(logical, held.length)) {
      const offset = part.logical - logical
      if (part.physical !== held.start + offset) continue
      fileDataSync(this.fd)
      tryMoveExtent({
        original: fd,
        donor: held.arena.fd,
        originalStart: part.logical,
        donorStart: held.logical + offset,
        length: part.length,
      })
    }
    this.context.holdings.reread(held)
  }

  /** A piece that moved goes back to where it was: arenas hold those blocks, perhaps elsewhere in them by now. */
  private exchangeBack(fd: number, { logical, from, length }: Exchange): boolean {
    const { holdings } = this.context
    for (let attempt = 1; attempt <= attempts; attempt++) {
      fileDataSync(this.fd)
      for (const piece of holdings.within(blockRun(from, length))) {
        const first = logical + piece.start - from
        if (this.isAt(first, piece.length, piece.start)) continue
        const held = this.seat(piece, first)
        tryMoveExtent({
          original: fd,
          donor: held.arena.fd,
          originalStart: first,
          donorStart: held.logical,
          length: held.length,
        })
        holdings.rereadArena(held.arena)
      }
      if (this.isAt(logical, length, from)) return true
    }
    return false
  }

  /** Brings a held piece to a block of its arena that begins at the same place of a page as the file's block. */
  private seat(held: Held, logical: number): Held {
    const { blocksPerPage, holdings } = this.context
    const by = (((logical - held.logical) % blocksPerPage) + blocksPerPage) % blocksPerPage
    if (by === 0) return held
    holdings.shift(held.arena, held.logical, by)
    return { ...held, logical: held.logical + by }
  }

  private placeOf({ logical, length, from, to }: Move): Place {
    const extents = this.map(logical, length, true)
    if (extents.length === 0) return 'hole'
    const offset = (target: number): boolean =>
      extents.every((each) => each.physical === target + each.logical - logical)
    const whole = extents.reduce((sum, each) => sum + each.length, 0) === length
    if (whole && offset(to)) return 'at-target'
    return offset(from) && whole ? 'at-source' : 'elsewhere'
  }

  private isAt(logical: number, length: number, physical: number): boolean {
    const extents = this.map(logical, length)
    return (
      extents.reduce((sum, each) => sum + each.length, 0) === length &&
      extents.every((each) => each.physical === physical + each.logical - logical)
    )
  }

  /**
   * The kernel's map of a part of the file, cut to it.
   * @param sync write dirty pages out first, so that all of it has a place
   */
  private map(logical: number, length: number, sync = false): Extent[] {
    const { blockSize } = this.context
    const end = logical + length
    const cut: Extent[] = []
    for (const found of fiemap(this.fd, { from: logical * blockSize, to: end * blockSize, sync })) {
      if (found.inline || found.unplaced) continue
      const first = found.logical / blockSize
      const start = Math.max(logical, first)
      const until = Math.min(end, (found.logical + found.length) / blockSize)
      if (until > start)
        cut.push(extent(start, found.physical / blockSize + start - first, until - start, found.unwritten))
    }
    return mergeExtents(cut)
  }
}

interface Exchange {
  /** Blocks. */
  readonly length: number
  /** First block in the file. */
  readonly logical: number
  /** Where the file's blocks were. */
  readonly from: number
  readonly unwritten: boolean
}

/** Failures that pass when the file's pages are written out. */
const passing: ReadonlySet<number> = new Set([0, errnoNumber.EBUSY, errnoNumber.ENODATA, errnoNumber.EAGAIN])

function reasonOf(errno: number): Stayed<StayReason> {
  if (passing.has(errno)) return { reason: 'busy' }
  if (errno === errnoNumber.ETXTBSY) return { reason: 'swap-file' }
  if (errno === errnoNumber.EPERM) return { reason: 'immutable' }
  if (errno === errnoNumber.ENOSPC || errno === errnoNumber.EDQUOT) return { reason: 'no-space' }
  return { reason: errno === errnoNumber.EOPNOTSUPP ? 'mounted' : 'failed', detail: errnoName(errno) }
}

const targetOf = ({ to, length }: Move): { start: Move['to']; length: number } => ({ start: to, length })

const skipped = (move: Move, why: Stayed<StayReason>): MoveOutcome => ({ move, status: 'skipped', ...why })
