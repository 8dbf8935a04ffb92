/**
 * Carving: blocks that arenas hold become blocks of files, piece by piece, each
 * piece read back (exchange.ts).
 *
 * While a file is open for writing nobody can execute it: a program that is started then
 * fails with ETXTBSY, which is inherent in EXT4_IOC_MOVE_EXT. So everything is prepared
 * before, contents are in memory, and the descriptor is open for nothing but the calls
 * that exchange. Bringing the contents in matters most: what the kernel must read for an
 * exchange it reads page by page, and that takes thirty times as long as the exchange.
 *
 * Nothing that is wrong with one file ends the round (file-trouble.ts), and what does not
 * move as a whole is exchanged back, so that a move either happened or did not.
 */
import { closeSync, readSync } from 'node:fs'
import { fileAdvise } from '../../kernel/fadvise.js'
import { blockRun } from '../../layout/run.js'
import type { RunSet } from '../../layout/run-set.js'
import type { StayReason } from '../../layout/reason.js'
import type { Move, MoveOutcome, Stayed } from '../../volume/volume.js'
import type { Held } from '../reserve/donor-file.js'
import type { Holdings } from '../reserve/reservation.js'
import { Exchanger, type Piece } from './exchange.js'
import { FileBlocks } from './file-blocks.js'
import { openForMoving, openGuarded, type GuardedFile } from './file-guard.js'
import { troubleOf, type FileTrouble } from './file-trouble.js'
import { WarmPages } from './warm-pages.js'

export interface CarveContext {
  readonly root: number
  readonly blockSize: number
  /** Blocks of a page of memory: both sides of an exchange start at the same block of a page. */
  readonly blocksPerPage: number
  readonly holdings: Holdings
  readonly swapFiles: ReadonlySet<number>
  /** Inodes that somebody holds a lease of; they are not even opened. */
  readonly leased?: ReadonlySet<number>
  /** Free blocks that could not be claimed; a target among them is not taken by anybody. */
  readonly unclaimed?: RunSet
  readonly onMoved: (blocks: number) => void
}

export interface Carved {
  /** One for each move, in their order. */
  readonly outcomes: readonly MoveOutcome[]
  /** To be called when what was moved is on disk: puts the page cache back and closes the file. */
  readonly finish: () => void
}

/** Bytes of a file that are brought into memory before it is opened for writing. */
const mostAhead = 256 << 20

/**
 * Moves of one file.
 * @throws what is not this file's own trouble
 */
export function carveFile(context: CarveContext, inode: number, moves: readonly Move[]): Carved {
  const guarded = openGuarded(context.root, inode, context.leased)
  if (guarded === 'gone' || 'reason' in guarded)
    return { outcomes: moves.map((move) => stayed(move, guarded)), finish: () => {} }
  const carver = new FileCarver(context, guarded)
  try {
    carver.carve(moves)
  } catch (error) {
    context.holdings.rereadAll()
    try {
      carver.give(moves, troubleOf(error))
    } catch (everybodys) {
      carver.finish()
      throw everybodys
    }
  }
  return { outcomes: carver.outcomesOf(moves), finish: () => carver.finish() }
}

class FileCarver {
  private readonly outcomes = new Map<Move, MoveOutcome>()
  private readonly blocks: FileBlocks
  private readonly exchanger: Exchanger
  private warm: WarmPages | undefined
  private writable: number | undefined

  private readonly context: CarveContext
  private readonly file: GuardedFile

  constructor(context: CarveContext, file: GuardedFile) {
    this.context = context
    this.file = file
    const { blockSize, holdings, blocksPerPage } = context
    this.blocks = new FileBlocks(file.fd, blockSize)
    this.exchanger = new Exchanger(this.blocks, holdings, blocksPerPage, () => this.openWritable())
  }

  outcomesOf(moves: readonly Move[]): MoveOutcome[] {
    return moves.map((move) => this.outcomes.get(move)!)
  }

  /** The outcome of those that have none yet. */
  give(moves: readonly Move[], trouble: FileTrouble): void {
    for (const move of moves) if (!this.outcomes.has(move)) this.outcomes.set(move, stayed(move, trouble))
  }

  carve(moves: readonly Move[]): void {
    for (const move of moves) {
      const known = this.knownOutcome(move)
      if (known) this.outcomes.set(move, known)
    }
    const due = moves.filter((move) => !this.outcomes.has(move))
    if (due.length === 0) return
    try {
      this.bringIn(due)
      const opened = this.exchangeAtOnce(due)
      if (opened !== undefined) return this.give(due, opened)
      for (const move of due) this.outcomes.set(move, this.move(move))
    } finally {
      this.closeWritable()
    }
  }

  finish(): void {
    try {
      this.warm?.restore()
    } catch {
      // The cache is a little colder or warmer than it was: nobody's contents.
    } finally {
      closeSync(this.file.fd)
    }
  }

  /** What need not be tried. */
  private knownOutcome(move: Move): MoveOutcome | undefined {
    const { holdings, unclaimed, blockSize } = this.context
    const place = this.blocks.placeOf(move)
    if (place === 'at-target') return { move, status: 'already' }
    if (place === 'hole') return { move, status: 'gone' }
    if (place === 'elsewhere') return stayed(move, { reason: 'changed' })
    // Blocks behind the end that the size covers are preallocated, and do not move.
    if (move.logical + move.length > Math.ceil(this.file.size / blockSize))
      return stayed(move, { reason: 'preallocated' })
    if (holdings.holds(targetOf(move))) return undefined
    return stayed(move, { reason: unclaimed?.intersects(targetOf(move)) ? 'no-space' : 'taken' })
  }

  /** Contents into memory, in pages of their own: exchanging parts of a large folio is slow. */
  private bringIn(due: readonly Move[]): void {
    const { blockSize } = this.context
    const ranges = due
      .map(({ logical, length }) => ({ from: logical * blockSize, length: length * blockSize }))
      .sort((a, b) => a.from - b.from)
    this.warm = new WarmPages(this.file.fd, ranges)
    this.warm.drop()
    // Nothing read ahead, which would be in large folios, and behind what was asked for.
    fileAdvise(this.file.fd, 'random')
    let left = mostAhead
    for (const { from, length } of this.warm.moved) {
      const ahead = Math.min(length, left)
      left -= ahead
      if (ahead === 0) break
      fileAdvise(this.file.fd, 'willNeed', from, ahead)
      readThrough(this.file.fd, from, from + ahead)
    }
  }

  /**
   * All pieces, one call each and nothing between; what that leaves undone is left to `move`.
   * @returns why the file cannot be opened for it
   */
  private exchangeAtOnce(due: readonly Move[]): FileTrouble | undefined {
    // Seating one piece in an arena may unseat another.
    const prepared =
      this.context.blocksPerPage > 1
        ? []
        : due.flatMap((move) =>
            [...this.pieces(move)].flatMap(({ found, piece }) =>
              found ? [{ held: this.exchanger.prepare(found, piece), piece }] : [],
            ),
          )
    const opened = this.openWritable()
    if (opened === 'gone' || !('fd' in opened)) return opened
    for (const { held, piece } of prepared) this.exchanger.ask(held, piece.logical)
    // If it must be opened again and cannot, a move in two pieces may stay half done: rare, and told.
    if (this.file.executable && prepared.length > 0) this.closeWritable()
    return undefined
  }

  /** One move, whole or not at all. */
  private move(move: Move): MoveOutcome {
    const done: Piece[] = []
    let trouble: FileTrouble | undefined
    for (const { found, piece } of this.pieces(move)) {
      trouble = found ? this.exchanger.exchange(found, piece) : { reason: 'taken' }
      if (trouble !== undefined) break
      done.push(piece)
    }
    if (trouble === undefined) {
      this.context.onMoved(move.length)
      return { move, status: 'moved' }
    }
    const back = done.reverse().map((piece) => this.exchanger.exchangeBack(piece))
    return stayed(move, back.every((whole) => whole) ? trouble : { reason: 'partly-moved' })
  }

  /**
   * A move cut where the file's extents or what is held for it end; looked up one by one,
   * since shifting an arena and exchanging change what is held. `found` lacks where the
   * rest of an extent is not held.
   */
  private *pieces(move: Move): Generator<{ readonly found?: Held; readonly piece: Piece }> {
    for (const { logical, length, unwritten } of this.blocks.map(move.logical, move.length)) {
      const start = move.to + logical - move.logical
      for (let at = start; at < start + length;) {
        const [held] = this.context.holdings.within(blockRun(at, start + length - at))
        const found = held?.start === at ? held : undefined
        const offset = logical + at - start
        const piece = {
          length: found?.length ?? start + length - at,
          logical: offset,
          from: move.from + offset - move.logical,
          unwritten,
        }
        yield { ...(found && { found }), piece }
        at += piece.length
      }
    }
  }

  private openWritable(): { readonly fd: number } | FileTrouble {
    if (this.writable !== undefined) return { fd: this.writable }
    const opened = openForMoving(this.context.root, this.file.inode, this.context.swapFiles)
    if (opened !== 'gone' && 'fd' in opened) this.writable = opened.fd
    return opened
  }

  private closeWritable(): void {
    if (this.writable !== undefined) closeSync(this.writable)
    this.writable = undefined
  }
}

const scratch = Buffer.alloc(1 << 20)

/** Reads a part of a file for having it in memory. */
function readThrough(fd: number, from: number, to: number): void {
  for (let at = from; at < to;) {
    const got = readSync(fd, scratch, 0, Math.min(scratch.length, to - at), at)
    if (got === 0) return
    at += got
  }
}

const targetOf = ({ to, length }: Move): { start: Move['to']; length: number } => ({ start: to, length })

const stayed = (move: Move, trouble: 'gone' | Stayed<StayReason>): MoveOutcome =>
  trouble === 'gone' ? { move, status: 'gone' } : { move, status: 'skipped', ...trouble }
