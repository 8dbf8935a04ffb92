/**
 * The blocks we hold, in nameless files: which file holds which run, and at which
 * of its blocks. Exchanging blocks with somebody's file changes what is held, not
 * how much.
 *
 * Invariant: the pieces are sorted by physical block and disjoint, and each is
 * mapped by its arena exactly as it says. Arenas hold few pieces before any
 * exchange, so that none needs an extent-tree block: the kernel would take that
 * from free space near by, where we may want every block ourselves.
 */
import { closeSync, ftruncateSync } from 'node:fs'
import { fallocate } from '../kernel/fallocate.js'
import { openTemporaryFile } from '../kernel/temporary-file.js'
import { blockRun, intersectRuns, type BlockRun } from '../layout/run.js'
import { RunSet } from '../layout/run-set.js'

/** A nameless file. */
export interface Arena {
  readonly fd: number
}

/** A run of blocks that one arena holds in one piece. */
export interface Held extends BlockRun {
  readonly arena: Arena
  /** The arena's block at `start`. */
  readonly logical: number
}

/**
 * Blocks of an arena, all of them holes at first. Just below what mb_stream_req can
 * say, with room for a few shifts: a file of more is no longer steered by its goal.
 */
export const arenaBlocks = 2 ** 31 - 2 ** 20

export class Holdings {
  private pieces: Held[] = []

  /**
   * @param directory on the filesystem
   * @param blockSize bytes
   */
  constructor(private readonly directory: string, private readonly blockSize: number) {}

  /** @throws KernelError, EMFILE among them */
  openArena(): Arena {
    const fd = openTemporaryFile(this.directory)
    try {
      ftruncateSync(fd, arenaBlocks * this.blockSize)
    } catch (error) {
      closeSync(fd)
      throw error
    }
    return { fd }
  }

  /** Everything held, as a set. */
  blocks(): RunSet {
    return RunSet.of(this.pieces)
  }

  /** The pieces that overlap a run, cut to it, in order. */
  within(run: BlockRun): Held[] {
    const found: Held[] = []
    for (let i = this.firstEndingAfter(run.start); i < this.pieces.length; i++) {
      const piece = this.pieces[i]!
      const common = intersectRuns(piece, run)
      if (!common) break
      found.push({ ...common, arena: piece.arena, logical: piece.logical + common.start - piece.start })
    }
    return found
  }

  holds(run: BlockRun): boolean {
    let at: number = run.start
    for (const piece of this.within(run)) {
      if (piece.start !== at) return false
      at = piece.start + piece.length
    }
    return at === run.start + run.length
  }

  add(piece: Held): void {
    if (piece.length <= 0) return
    this.pieces.splice(this.firstEndingAfter(piece.start), 0, piece)
  }

  /** The blocks `given` went to a file, and the arena got `gained` in their place. */
  exchange(given: Held, gained: BlockRun['start']): void {
    this.forget(given)
    this.add({ start: gained, length: given.length, arena: given.arena, logical: given.logical })
  }

  /** Pushes a hole into an arena before one of its blocks, so that all from there on have higher numbers. */
  shift(arena: Arena, from: number, by: number): void {
    fallocate(arena.fd, 'insertRange', from * this.blockSize, by * this.blockSize)
    const shifted: Held[] = []
    for (const piece of this.pieces) {
      if (piece.arena !== arena || piece.logical + piece.length <= from) {
        shifted.push(piece)
        continue
      }
      const before = Math.max(0, from - piece.logical)
      if (before > 0) shifted.push({ ...piece, length: before })
      shifted.push({ ...blockRun(piece.start + before, piece.length - before), arena, logical: piece.logical + before + by })
    }
    this.pieces = shifted
  }

  /** Gives back everything but `kept`; arenas without a piece are closed. */
  release(kept: RunSet): void {
    const left: Held[] = []
    const given: Held[] = []
    for (const piece of this.pieces) {
      for (const part of kept.within(piece)) left.push(cut(piece, part))
      for (const part of kept.missingFrom(piece)) given.push(cut(piece, part))
    }
    const used = new Set(left.map(({ arena }) => arena))
    this.pieces = left
    for (const { arena, logical, length } of given) {
      if (used.has(arena)) fallocate(arena.fd, 'punchHole', logical * this.blockSize, length * this.blockSize)
    }
    for (const arena of new Set(given.map(({ arena }) => arena))) if (!used.has(arena)) closeSync(arena.fd)
  }

  /** Gives back everything. */
  close(): void {
    this.release(new RunSet())
  }

  private forget(run: BlockRun): void {
    const first = this.firstEndingAfter(run.start)
    const cutOff: Held[] = []
    let last = first
    for (; last < this.pieces.length && this.pieces[last]!.start < run.start + run.length; last++) {
      for (const part of RunSet.of([run]).missingFrom(this.pieces[last]!)) cutOff.push(cut(this.pieces[last]!, part))
    }
    this.pieces.splice(first, last - first, ...cutOff)
  }

  private firstEndingAfter(block: number): number {
    let low = 0
    let high = this.pieces.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.pieces[middle]!.start + this.pieces[middle]!.length > block) high = middle
      else low = middle + 1
    }
    return low
  }
}

const cut = (piece: Held, part: BlockRun): Held =>
  ({ ...part, arena: piece.arena, logical: piece.logical + part.start - piece.start })
