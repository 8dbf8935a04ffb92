/**
 * Space for a file of a mounted filesystem, exactly where it is wanted. The kernel
 * gives space, but not at a place; so the allocator decides on what is free now, the
 * blocks are claimed (src/mounted/reserve/claim.ts), the kernel allocates *somewhere* for the
 * file, and the two are exchanged. Piece by piece, so that the second copy of the
 * space is never large.
 */
import { fstatSync, ftruncateSync } from 'node:fs'
import { errnoNumber, kernelError } from '../../kernel/errno.js'
import { fallocate, tryFallocate } from '../../kernel/fallocate.js'
import { syncFilesystem } from '../../kernel/syncfs.js'
import { fileBlock, fsBlock, type FileBlock } from '../../layout/block.js'
import { stayReasons } from '../../layout/reason.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import { carveFile } from '../exchange/swap-in.js'
import { claimBlocks } from '../reserve/claim.js'
import type { RelocateContext } from '../engine/relocate.js'
import { freeSpace } from '../view/space-map.js'
import { Allocator } from '../../mballoc/allocator.js'
import type { Move } from '../../volume/volume.js'
import type { PlaceRequest } from '../../volume/block-space.js'
import { callError } from '../../volume/call-error.js'
import { mappedExtents } from './extents.js'
import { changing } from './guard.js'

/** Times that blocks are chosen again because somebody else got some of them. */
const attempts = 8
/** Blocks that the kernel allocates and gives up again at a time. */
const pieceBlocks = 16_384

/** @throws ENOSPC, EBUSY and those of changing(); KernelError */
export async function placeLive(
  context: RelocateContext,
  inode: number,
  logical: FileBlock,
  request: PlaceRequest,
): Promise<number> {
  const { holdings, root } = context
  return changing(context, inode, (fd, size) => {
    try {
      const runs = claim(context, request)
      if (!runs) return placeAnywhere(context, fd, logical, request, size)
      const length = runs.reduce((sum, run) => sum + run.length, 0)
      let placed = 0
      try {
        for (const piece of pieces(runs)) {
          placePiece(context, fd, inode, logical + placed, piece)
          placed += piece.reduce((sum, run) => sum + run.length, 0)
          holdings.release(RunSet.of(behind(runs, placed)))
        }
      } catch (error) {
        if (request.flags.fixedLength === true || placed === 0) {
          takeBack(context, fd, logical, length, size)
          throw error
        }
        takeBack(
          context,
          fd,
          logical + placed,
          length - placed,
          Math.max(size, (logical + placed) * context.geometry.blockSize),
        )
      }
      return placed
    } finally {
      holdings.release(new RunSet())
      syncFilesystem(root)
    }
  })
}

/**
 * Chooses free blocks and gets hold of them.
 * @returns undefined when the kernel would not give what was chosen, and it may be elsewhere
 * @throws ENOSPC, EBUSY
 */
function claim(context: RelocateContext, { goal, length, flags }: PlaceRequest): BlockRun[] | undefined {
  const { root, geometry, holdings } = context
  const taken = new RunSet()
  for (let attempt = 0; attempt < attempts; attempt++) {
    syncFilesystem(root)
    const free = freeSpace(
      root,
      geometry.blockSize,
      blockRun(geometry.firstDataBlock, geometry.blockCount - geometry.firstDataBlock),
    )
    const runs = Allocator.of(geometry, free).allocate({ goal, length, flags, forbid: taken })
    if (!runs && taken.size === 0)
      throw callError('ENOSPC', `There is no free space that would do for ${length} blocks.`)
    if (!runs) break
    const missing = claimBlocks(context, RunSet.of(runs))
    if (missing.size === 0) return runs
    for (const run of missing) taken.add(run)
    holdings.release(new RunSet())
  }
  if (!flags.fixedStart && !flags.contiguous) return undefined
  throw callError(
    'EBUSY',
    'There is free space that would do, but the kernel did not give it.',
    'Name another goal, or try again.',
  )
}

/** What the kernel makes of it: the goal was a hint. @throws ENOSPC */
function placeAnywhere(
  { geometry: { blockSize } }: RelocateContext,
  fd: number,
  logical: number,
  { length, flags }: PlaceRequest,
  size: number,
): number {
  const errno = tryFallocate(fd, 'allocate', logical * blockSize, length * blockSize)
  if (errno !== 0 && errno !== errnoNumber.ENOSPC) throw kernelError({ call: 'fallocate' }, errno)
  const got = mappedExtents(fd, blockSize, { logical, length }).reduce((sum, found) => sum + found.length, 0)
  if (errno === 0) return got
  if (got === 0 || flags.fixedLength === true) {
    if (got > 0) takeBack({ geometry: { blockSize } }, fd, logical, length, size)
    throw callError('ENOSPC', `There is no free space for ${length} blocks.`)
  }
  return got
}

/** The runs in groups of at most {@link pieceBlocks}, in order. */
function* pieces(runs: readonly BlockRun[]): Generator<BlockRun[]> {
  let piece: BlockRun[] = []
  let room = pieceBlocks
  for (const run of runs) {
    for (let done = 0; done < run.length;) {
      const count = Math.min(room, run.length - done)
      piece.push(blockRun(run.start + done, count))
      done += count
      room -= count
      if (room > 0) continue
      yield piece
      piece = []
      room = pieceBlocks
    }
  }
  if (piece.length > 0) yield piece
}

/** The runs without their first `count` blocks. */
function behind(runs: readonly BlockRun[], count: number): BlockRun[] {
  const rest: BlockRun[] = []
  let skip = count
  for (const { start, length } of runs) {
    if (skip < length) rest.push(blockRun(start + skip, length - skip))
    skip = Math.max(0, skip - length)
  }
  return rest
}

/** Allocates anywhere, then exchanges that for blocks we hold. */
function placePiece(
  context: RelocateContext,
  fd: number,
  inode: number,
  logical: number,
  runs: readonly BlockRun[],
): void {
  const {
    geometry: { blockSize },
    root,
    holdings,
    blocksPerPage,
  } = context
  const length = runs.reduce((sum, run) => sum + run.length, 0)
  const errno = tryFallocate(fd, 'allocate', logical * blockSize, length * blockSize)
  if (errno === errnoNumber.ENOSPC)
    throw callError('ENOSPC', `There is no room for a second copy of ${length} blocks of space.`)
  if (errno !== 0) throw kernelError({ call: 'fallocate' }, errno)
  const moves: Move[] = []
  let at = logical
  const found = mappedExtents(fd, blockSize, { logical, length })
  for (const run of runs) {
    for (const old of found) {
      const start = Math.max(old.logical, at)
      const end = Math.min(old.logical + old.length, at + run.length)
      if (end <= start) continue
      moves.push({
        inode,
        kind: 'data',
        logical: fileBlock(start),
        length: end - start,
        from: fsBlock(old.physical + (start - old.logical)),
        to: fsBlock(run.start + (start - at)),
      })
    }
    at += run.length
  }
  const { outcomes, finish } = carveFile(
    { root, blockSize, blocksPerPage, holdings, swapFiles: context.swapFiles(), onMoved: () => {} },
    inode,
    moves,
  )
  syncFilesystem(root)
  finish()
  const failed = outcomes.find(({ status }) => status !== 'moved' && status !== 'already')
  if (failed) {
    const why = failed.status === 'skipped' ? stayReasons[failed.reason].says : 'it was deleted'
    throw callError('EBUSY', `Inode ${inode} did not get its blocks: ${why}.`)
  }
}

/** Undoes an allocation: nobody has written there, for nobody knew of it. */
function takeBack(
  { geometry: { blockSize } }: { readonly geometry: { readonly blockSize: number } },
  fd: number,
  logical: number,
  length: number,
  size: number,
): void {
  if (length === 0) return
  fallocate(fd, 'punchHole', logical * blockSize, length * blockSize)
  const { size: now } = fstatSync(fd)
  if (now > size && now <= (logical + length) * blockSize) ftruncateSync(fd, size)
}
