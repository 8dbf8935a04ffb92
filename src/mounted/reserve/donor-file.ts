/**
 * A nameless file that holds blocks for us. Its blocks have high numbers with holes
 * between them; what counts is only where they lie on the disk.
 */
import { closeSync, ftruncateSync } from 'node:fs'
import { fiemap } from '../../kernel/fiemap.js'
import { openTemporaryFile } from '../../kernel/temporary-file.js'
import { blockRun, type BlockRun } from '../../layout/run.js'

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

/** Extents an inode has room for before it needs a tree block. */
export const inodeExtents = 4

/** @throws KernelError, EMFILE among them */
export function openArena(directory: string, blockSize: number): Arena {
  const fd = openTemporaryFile(directory)
  try {
    ftruncateSync(fd, arenaBlocks * blockSize)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return { fd }
}

/** What an arena holds between two of its blocks. */
export function heldBy(arena: Arena, from: number, length: number, blockSize: number): Held[] {
  const found: Held[] = []
  for (const extent of fiemap(arena.fd, { from: from * blockSize, to: (from + length) * blockSize, sync: false })) {
    const first = extent.logical / blockSize
    const start = Math.max(from, first)
    const end = Math.min(from + length, first + extent.length / blockSize)
    if (end > start)
      found.push({ ...blockRun(extent.physical / blockSize + start - first, end - start), arena, logical: start })
  }
  return found
}
