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
import { lowerBound } from '../../lower-bound.js'
import { closeSync, readFileSync } from 'node:fs'
import { errnoNumber, kernelError } from '../../kernel/errno.js'
import { blockRun, intersectRuns, type BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import { arenaBlocks, heldBy, inodeExtents, openArena, type Arena, type Held } from './donor-file.js'
import { fallocateCommitted } from './fallocate-committed.js'

/** Descriptors left for files to be moved and for everybody else in the process. */
const otherDescriptors = 300

export class Holdings {
  private pieces: Held[] = []
  private readonly arenas = new Set<Arena>()
  private readonly mostArenas = mostDescriptors() - otherDescriptors

  private readonly directory: string
  readonly blockSize: number

  /**
   * @param directory on the filesystem
   * @param blockSize bytes
   */
  constructor(directory: string, blockSize: number) {
    this.directory = directory
    this.blockSize = blockSize
  }

  /** @throws KernelError, EMFILE among them */
  openArena(): Arena {
    if (this.arenas.size >= this.mostArenas) throw kernelError({ call: 'open O_TMPFILE' }, errnoNumber.EMFILE)
    const arena = openArena(this.directory, this.blockSize)
    this.arenas.add(arena)
    return arena
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

  /**
   * A run was exchanged with a file, or part of it: what the arena has in its place
   * is what the kernel says, whoever the file got its blocks from.
   */
  reread(given: Held): void {
    this.forget(given)
    for (const piece of heldBy(given.arena, given.logical, given.length, this.blockSize)) this.add(piece)
  }

  /** The same for everything, after an exchange that ended nobody knows how. */
  rereadAll(): void {
    for (const arena of this.arenas) this.rereadArena(arena)
  }

  /** The same for all that an arena holds. */
  rereadArena(arena: Arena): void {
    const all = heldBy(arena, 0, 2 * arenaBlocks, this.blockSize)
    this.pieces = [...this.pieces.filter((piece) => piece.arena !== arena), ...all].sort((a, b) => a.start - b.start)
  }

  /** Two pieces of one block each changed arenas. */
  swap(one: Held, other: Held): void {
    this.forget(one)
    this.forget(other)
    this.add({ start: one.start, length: 1, arena: other.arena, logical: other.logical })
    this.add({ start: other.start, length: 1, arena: one.arena, logical: one.logical })
  }

  /** Pushes a hole into an arena before one of its blocks, so that all from there on have higher numbers. */
  shift(arena: Arena, from: number, by: number): void {
    fallocateCommitted(arena, 'insertRange', from * this.blockSize, by * this.blockSize)
    const shifted: Held[] = []
    for (const piece of this.pieces) {
      if (piece.arena !== arena || piece.logical + piece.length <= from) {
        shifted.push(piece)
        continue
      }
      const before = Math.max(0, from - piece.logical)
      if (before > 0) shifted.push({ ...piece, length: before })
      shifted.push({
        ...blockRun(piece.start + before, piece.length - before),
        arena,
        logical: piece.logical + before + by,
      })
    }
    this.pieces = shifted
  }

  /**
   * Gives back everything but `kept`; arenas without a piece are closed.
   * @param frugal hold on to what could not be given back without an extent-tree
   *               block, as long as a wanted block might be taken for that
   */
  release(kept: RunSet, frugal = false): void {
    const left: Held[] = []
    const pieces = this.byArena()
    for (const arena of this.arenas) {
      const own = pieces.get(arena) ?? []
      if (own.some((piece) => kept.intersects(piece))) left.push(...this.trim(arena, own, kept, frugal))
      else {
        closeSync(arena.fd)
        this.arenas.delete(arena)
      }
    }
    this.pieces = left.sort((a, b) => a.start - b.start)
  }

  /** Punches out what is not kept of an arena's pieces. @returns what stays */
  private trim(arena: Arena, pieces: readonly Held[], kept: RunSet, frugal: boolean): Held[] {
    let extents = pieces.length
    const left: Held[] = []
    const punch = (piece: Held, { start, length }: BlockRun): void =>
      fallocateCommitted(
        arena,
        'punchHole',
        (piece.logical + start - piece.start) * this.blockSize,
        length * this.blockSize,
      )
    const staying = pieces.filter((piece) => {
      if (kept.intersects(piece)) return true
      punch(piece, piece)
      extents--
      return false
    })
    for (const piece of staying) {
      const holes = [...kept.missingFrom(piece)]
      const last = holes.at(-1)
      let whole: Held = piece
      if (last && last.start + last.length === piece.start + piece.length) {
        // The end of an extent goes without splitting it.
        punch(piece, last)
        holes.pop()
        whole = { ...piece, length: last.start - piece.start }
      }
      // Anything else splits it first, even where one part then goes.
      const parts = holes.length === 0 ? [whole] : [...kept.within(whole)].map((part) => cut(whole, part))
      if (frugal && holes.length > 0 && extents + parts.length > inodeExtents) {
        left.push(whole)
        continue
      }
      for (const hole of holes) punch(piece, hole)
      extents += parts.length - 1
      left.push(...parts)
    }
    return left
  }

  /** Gives back everything. */
  close(): void {
    this.release(new RunSet())
  }

  private byArena(): Map<Arena, Held[]> {
    const arenas = new Map<Arena, Held[]>()
    for (const piece of this.pieces) {
      const own = arenas.get(piece.arena)
      if (own) own.push(piece)
      else arenas.set(piece.arena, [piece])
    }
    return arenas
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
    return lowerBound(this.pieces.length, (place) => this.pieces[place]!.start + this.pieces[place]!.length > block)
  }
}

/** What the process may open; Node has raised its soft limit to the hard one. */
function mostDescriptors(): number {
  const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
  return line ? Number(line[1]) : 1024
}

const cut = (piece: Held, part: BlockRun): Held => ({
  ...part,
  arena: piece.arena,
  logical: piece.logical + part.start - piece.start,
})
