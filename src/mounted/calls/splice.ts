/**
 * One file's blocks put in place of another's, both on a mounted filesystem and
 * perhaps in use. EXT4_IOC_MOVE_EXT exchanges blocks and carries the data over, under
 * the kernel's locks, so that a write meanwhile is not lost; what it leaves in the
 * space file is then punched out. It does nothing where either file has a hole: over
 * a hole of the data the kernel is asked for blocks first, which are exchanged like
 * any others; a hole of the space is punched into the data.
 */
import { fstatSync } from 'node:fs'
import { BootpackError } from '../../errors.js'
import { fallocate } from '../../kernel/fallocate.js'
import { fileDataSync } from '../../kernel/fdatasync.js'
import { tryMoveExtent } from '../../kernel/move-extent.js'
import { syncFilesystem } from '../../kernel/syncfs.js'
import { extent, type Extent } from '../../layout/extent.js'
import type { RelocateContext } from '../engine/relocate.js'
import { WarmPages } from '../exchange/warm-pages.js'
import type { SpliceOptions } from '../../volume/block-space.js'
import { callError } from '../../volume/call-error.js'
import { mappedExtents } from './extents.js'
import { changing } from './guard.js'

/** Bytes that change hands in one step. */
const stepBytes = 64 << 20
/** Times an exchange is tried while the file's pages are in flight. */
const attempts = 4

/** @throws EINTR between steps, EINVAL for space behind the end of its file, EBUSY, those of changing(); KernelError */
export async function spliceLive(
  context: RelocateContext,
  data: number,
  space: number,
  logical: number,
  length: number,
  { signal, holes = 'make' }: SpliceOptions,
): Promise<void> {
  const step = Math.max(1, Math.floor(stepBytes / context.geometry.blockSize))
  await changing(context, data, (dataFd) =>
    changing(context, space, (spaceFd) => {
      try {
        for (let done = 0; done < length; done += step) {
          if (signal?.aborted)
            throw new BootpackError('interrupted', 'EINTR', `Stopped after ${done} of ${length} blocks.`)
          new Splice(context.geometry.blockSize, dataFd, spaceFd, data, holes).step(
            logical + done,
            Math.min(step, length - done),
          )
        }
      } finally {
        syncFilesystem(context.root)
      }
    }),
  )
}

class Splice {
  private readonly blockSize: number
  private readonly data: number
  private readonly space: number
  private readonly inode: number
  private readonly holes: 'make' | 'leave'

  constructor(blockSize: number, data: number, space: number, inode: number, holes: 'make' | 'leave') {
    this.blockSize = blockSize
    this.data = data
    this.space = space
    this.inode = inode
    this.holes = holes
  }

  step(logical: number, length: number): void {
    const { blockSize, data, space } = this
    fileDataSync(data)
    const given = this.map(space, logical, length)
    const last = given.at(-1)
    if (last && (last.logical + last.length - 1) * blockSize >= fstatSync(space).size) {
      throw callError('EINVAL', 'The space lies behind the end of its file, where the kernel exchanges nothing.')
    }
    // Blocks that are about to hold the data's contents for a moment must not be readable as the space file's.
    for (const old of given)
      if (!old.unwritten) fallocate(space, 'zeroRange', old.logical * blockSize, old.length * blockSize)
    const { size } = fstatSync(data)
    const warm = new WarmPages(data, [{ from: logical * blockSize, length: length * blockSize }])
    warm.drop()
    let at = logical
    try {
      for (const run of given) {
        if (this.holes === 'make') this.punch(data, at, run.logical - at)
        at = run.logical
        this.fill(run, size)
        this.exchange(run)
        at += run.length
      }
      if (this.holes === 'make') this.punch(data, at, logical + length - at)
      at = logical + length
    } finally {
      fileDataSync(data)
      this.punch(space, logical, at - logical)
      warm.restore()
    }
  }

  /** Gives the data blocks where it has holes, so that there is something to exchange. */
  private fill(run: Extent, size: number): void {
    const from = run.logical * this.blockSize
    const end = Math.min((run.logical + run.length) * this.blockSize, size)
    // Where there are blocks already, this changes nothing.
    if (end > from) fallocate(this.data, 'allocate', from, end - from)
  }

  /** @throws EBUSY when it did not come about; what did is settled then */
  private exchange(run: Extent): void {
    for (let attempt = 0; attempt < attempts; attempt++) {
      for (const piece of this.map(this.data, run.logical, run.length)) {
        const wanted = run.physical + (piece.logical - run.logical)
        if (piece.physical === wanted) continue
        tryMoveExtent({
          original: this.data,
          donor: this.space,
          originalStart: piece.logical,
          donorStart: piece.logical,
          length: piece.length,
        })
      }
      const now = this.map(this.data, run.logical, run.length)
      if (
        now.reduce((sum, piece) => sum + piece.length, 0) === run.length &&
        now.every((piece) => piece.physical === run.physical + (piece.logical - run.logical))
      )
        return
      fileDataSync(this.data)
    }
    for (const piece of this.map(this.data, run.logical, run.length)) {
      if (piece.physical === run.physical + (piece.logical - run.logical))
        this.punch(this.space, piece.logical, piece.length)
    }
    throw callError(
      'EBUSY',
      `Inode ${this.inode} is being written: file blocks ${run.logical} to ${run.logical + run.length - 1} could not be exchanged.`,
      'Try again.',
    )
  }

  private punch(fd: number, logical: number, length: number): void {
    if (length > 0) fallocate(fd, 'punchHole', logical * this.blockSize, length * this.blockSize)
  }

  /** Mapped parts of a range, cut to it. */
  private map(fd: number, logical: number, length: number): Extent[] {
    return mappedExtents(fd, this.blockSize, { logical, length })
      .map((found) => {
        const start = Math.max(found.logical, logical)
        const end = Math.min(found.logical + found.length, logical + length)
        return extent(start, found.physical + (start - found.logical), end - start, found.unwritten)
      })
      .filter((found) => found.length > 0)
  }
}
