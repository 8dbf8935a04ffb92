/**
 * Copies blocks: what goes to neighbouring places is gathered into large writes,
 * several of them under way at once.
 */
import pLimit from 'p-limit'
import type { FsBlock } from '../../layout/block.js'
import { fsBlock } from '../../layout/block.js'
import type { BlockRun } from '../../layout/run.js'
import type { Store } from '../../storage/store.js'

export interface CopyPiece {
  readonly from: FsBlock
  readonly to: FsBlock
  readonly length: number
}

/** Bytes of one write, and of the buffer behind it. */
const longestLoad = 2 << 20
const loadsUnderWay = 4

/**
 * @param pieces  sources and targets do not overlap, nor targets each other
 * @param onCopied called with the blocks of every write that has ended
 * @throws io, when nothing is under way any more
 */
export async function copyBlocks(
  store: Store,
  blockSize: number,
  pieces: readonly CopyPiece[],
  onCopied: (blocks: number) => void = () => {},
): Promise<void> {
  const limit = pLimit(loadsUnderWay)
  // The first in time: others may fail because of it.
  let failure: { readonly error: unknown } | undefined
  await Promise.all(
    loads(pieces, Math.max(1, Math.floor(longestLoad / blockSize))).map((load) =>
      limit(async () => {
        if (failure) return
        try {
          onCopied(await copyLoad(store, blockSize, load))
        } catch (error) {
          failure ??= { error }
        }
      }),
    ),
  )
  if (failure) throw failure.error
}

async function copyLoad(store: Store, blockSize: number, load: readonly CopyPiece[]): Promise<number> {
  const start = load[0]!.to
  const last = load.at(-1)!
  const count = last.to + last.length - start
  // Not cleared: every byte of it is read before it is written.
  const buffer = Buffer.allocUnsafe(count * blockSize)
  for (const { from, to, length } of load) {
    await store.read(from * blockSize, buffer.subarray((to - start) * blockSize, (to - start + length) * blockSize))
  }
  await store.write(start * blockSize, buffer)
  return count
}

/** Writes zeros, a few megabytes at a time. Not flushed. */
export async function zeroBlocks(store: Store, blockSize: number, { start, length }: BlockRun): Promise<void> {
  const most = Math.max(1, Math.floor(longestLoad / blockSize))
  const zeros = new Uint8Array(Math.min(length, most) * blockSize)
  for (let done = 0; done < length; done += most)
    await store.write((start + done) * blockSize, zeros.subarray(0, Math.min(most, length - done) * blockSize))
}

/** Groups of pieces whose targets follow each other, none longer than `most` blocks. */
export function loads(pieces: readonly CopyPiece[], most: number): CopyPiece[][] {
  const gathered: CopyPiece[][] = []
  let end = -1
  let room = 0
  for (const piece of [...pieces].sort((a, b) => a.to - b.to)) {
    for (let done = 0; done < piece.length;) {
      if (piece.to + done !== end || room === 0) {
        gathered.push([])
        room = most
      }
      const load = gathered.at(-1)!
      const length = Math.min(room, piece.length - done)
      const before = load.at(-1)
      if (before && before.from + before.length === piece.from + done)
        load[load.length - 1] = { ...before, length: before.length + length }
      else load.push({ from: fsBlock(piece.from + done), to: fsBlock(piece.to + done), length })
      done += length
      room -= length
      end = piece.to + done
    }
  }
  return gathered
}
