/**
 * One piece of a file changes places with blocks that an arena holds: a run that lies in
 * one piece in both. EXT4_IOC_MOVE_EXT is asked for it, and its answer is not believed:
 * FIEMAP is. A file that is being written fails with EBUSY or ENODATA while its pages are
 * in flight; writing them out and trying again helps. A piece that moved in part is
 * brought back, so that it either moved or did not.
 */
import { errnoNumber, failedWith } from '../../kernel/errno.js'
import { fileDataSync } from '../../kernel/fdatasync.js'
import { tryMoveExtent } from '../../kernel/move-extent.js'
import { blockRun } from '../../layout/run.js'
import type { Held } from '../reserve/donor-file.js'
import { fallocateCommitted } from '../reserve/fallocate-committed.js'
import type { Holdings } from '../reserve/reservation.js'
import type { FileBlocks } from './file-blocks.js'
import { troubleOfErrno, type FileTrouble } from './file-trouble.js'

export interface Piece {
  /** Blocks. */
  readonly length: number
  /** First block in the file. */
  readonly logical: number
  /** Where the file's blocks were. */
  readonly from: number
  readonly unwritten: boolean
}

const attempts = 4

export class Exchanger {
  private readonly file: FileBlocks
  private readonly holdings: Holdings
  private readonly blocksPerPage: number
  private readonly writable: () => { readonly fd: number } | FileTrouble

  /**
   * @param blocksPerPage both sides of an exchange start at the same block of a page
   * @param writable      the file, open for writing; asked for only when something is to be exchanged
   */
  constructor(
    file: FileBlocks,
    holdings: Holdings,
    blocksPerPage: number,
    writable: () => { readonly fd: number } | FileTrouble,
  ) {
    this.file = file
    this.holdings = holdings
    this.blocksPerPage = blocksPerPage
    this.writable = writable
  }

  /**
   * Does what must be done before: brings the held blocks to the right place of a page, and
   * clears them where the file's are unwritten, since written blocks of an arena would make
   * them written.
   * @throws KernelError
   */
  prepare(found: Held, { logical, unwritten }: Piece): Held {
    const { blockSize } = this.file
    const held = this.seat(found, logical)
    if (unwritten) fallocateCommitted(held.arena, 'zeroRange', held.logical * blockSize, held.length * blockSize)
    return held
  }

  /**
   * Asks once, and leaves it to {@link exchange} to find out what came of it.
   * @returns what the kernel says against it
   */
  ask(held: Held, logical: number): FileTrouble | undefined {
    const opened = this.writable()
    if (opened === 'gone' || !('fd' in opened)) return opened
    const { errno } = tryMoveExtent({
      original: opened.fd,
      donor: held.arena.fd,
      originalStart: logical,
      donorStart: held.logical,
      length: held.length,
    })
    return errno === 0 ? undefined : troubleOfExchange(errno)
  }

  /**
   * Exchanges one piece and records it as far as it came.
   * @returns undefined when all of it is at its target, else why not
   */
  exchange(found: Held, piece: Piece): FileTrouble | undefined {
    const { logical } = piece
    if (this.file.isAt(logical, found.length, found.start)) {
      this.holdings.reread(found)
      return undefined
    }
    let held: Held
    try {
      held = this.prepare(found, piece)
    } catch (error) {
      if (failedWith(error, 'ENOSPC')) return { reason: 'no-space' }
      throw error
    }
    for (let attempt = 1; ; attempt++) {
      // What the kernel calls done and is not is as good as a file being written.
      let trouble: FileTrouble = { reason: 'busy' }
      // Only what is not there yet: exchanging the rest again would take it back.
      for (const part of this.file.map(logical, held.length)) {
        const offset = part.logical - logical
        if (part.physical === held.start + offset) continue
        trouble = this.ask(partOf(held, offset, part.length), part.logical) ?? trouble
      }
      if (this.file.isAt(logical, held.length, held.start)) {
        this.holdings.reread(held)
        return undefined
      }
      if (attempt === attempts || trouble === 'gone' || trouble.reason !== 'busy') {
        this.bringBack(held, logical)
        return trouble
      }
      // Writing the pages out is mostly enough; a commit costs more.
      if (attempt === 1) this.file.map(logical, held.length, true)
      else fileDataSync(this.file.fd)
    }
  }

  /** A piece that moved in part: the part goes back. What cannot is recorded as it is. */
  private bringBack(held: Held, logical: number): void {
    for (const part of this.file.map(logical, held.length)) {
      const offset = part.logical - logical
      if (part.physical !== held.start + offset) continue
      fileDataSync(this.file.fd)
      this.ask(partOf(held, offset, part.length), part.logical)
    }
    this.holdings.reread(held)
  }

  /**
   * A piece that moved goes back to where it was: arenas hold those blocks, perhaps
   * elsewhere in them by now.
   * @returns whether all of it is there again
   */
  exchangeBack({ logical, from, length }: Piece): boolean {
    const { holdings, file } = this
    for (let attempt = 1; attempt <= attempts; attempt++) {
      fileDataSync(file.fd)
      for (const piece of holdings.within(blockRun(from, length))) {
        const first = logical + piece.start - from
        if (file.isAt(first, piece.length, piece.start)) continue
        const held = this.seat(piece, first)
        this.ask(held, first)
        holdings.rereadArena(held.arena)
      }
      if (file.isAt(logical, length, from)) return true
    }
    return false
  }

  /** Brings a held piece to a block of its arena that begins at the same place of a page as the file's block. */
  private seat(held: Held, logical: number): Held {
    const { blocksPerPage, holdings } = this
    const by = (((logical - held.logical) % blocksPerPage) + blocksPerPage) % blocksPerPage
    if (by === 0) return held
    holdings.shift(held.arena, held.logical, by)
    return { ...held, logical: held.logical + by }
  }
}

/** Here some numbers mean something else than for opening a file. */
function troubleOfExchange(errno: number): FileTrouble {
  if (errno === errnoNumber.EAGAIN) return { reason: 'busy' }
  if (errno === errnoNumber.ETXTBSY) return { reason: 'swap-file' }
  if (errno === errnoNumber.EPERM) return { reason: 'immutable' }
  return troubleOfErrno(errno)
}

const partOf = (held: Held, offset: number, length: number): Held => ({
  ...blockRun(held.start + offset, length),
  arena: held.arena,
  logical: held.logical + offset,
})
