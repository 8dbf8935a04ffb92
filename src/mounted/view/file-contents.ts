import { closeSync, constants, fstatSync, readSync } from 'node:fs'
import { ioError } from '../../errors.js'
import { fileAdvise } from '../../kernel/fadvise.js'
import { fileDataSync } from '../../kernel/fdatasync.js'
import { fiemap } from '../../kernel/fiemap.js'
import { openByInode } from '../../kernel/open-by-handle.js'
import { troubleOf } from '../exchange/file-trouble.js'
import type { ContentPiece, FileContents } from '../../volume/capabilities.js'
import type { FileRef } from '../../volume/volume.js'

/** Bytes read at once; a multiple of every block size. */
const pieceSize = 1024 * 1024
const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOATIME

/**
 * What the kernel reads of a regular file. Pages it holds are written out and let go
 * first, so that what is compared comes from the disk; mapped pages stay, and for
 * those it comes from memory.
 * @param root a descriptor of the root of the mounted filesystem
 * @returns undefined for anything but a regular file the kernel opens now
 */
export function liveContents(root: number, file: FileRef, blockSize: number): FileContents | undefined {
  // Opening a leased file would call the lease back.
  if (file.type !== 'regular' || file.immovable === 'leased') return undefined
  let fd: number
  try {
    fd = openByInode(root, file.inode, flags)
  } catch (error) {
    troubleOf(error)
    return undefined
  }
  try {
    const { mtimeNs, size } = fstatSync(fd, { bigint: true })
    return { stamp: `${mtimeNs} ${size}`, pieces: () => pieces(root, file.inode, blockSize) }
  } finally {
    closeSync(fd)
  }
}

/** @throws KernelError when the file is gone by now, or somebody took a lease of it; io */
async function* pieces(root: number, inode: number, blockSize: number): AsyncGenerator<ContentPiece> {
  const fd = openByInode(root, inode, flags)
  try {
    fileDataSync(fd)
    fileAdvise(fd, 'dontNeed')
    const { size } = fstatSync(fd)
    for (const { logical, length, unwritten } of fiemap(fd)) {
      const end = Math.min(size, logical + length)
      // FIEMAP gives whole blocks, so every piece but the last ends with one.
      for (let offset = logical; !unwritten && offset < end; offset += pieceSize)
        yield { offset, bytes: readAt(fd, offset, Math.min(pieceSize, end - offset), blockSize) }
    }
  } finally {
    closeSync(fd)
  }
}

function readAt(fd: number, offset: number, length: number, blockSize: number): Uint8Array {
  const bytes = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    let got: number
    try {
      got = readSync(fd, bytes, done, length - done, offset + done)
    } catch (cause) {
      throw ioError(`The kernel cannot read block ${Math.floor((offset + done) / blockSize)} of a file.`, cause)
    }
    // Cut off meanwhile: the stamp tells.
    if (got === 0) break
    done += got
  }
  return bytes.subarray(0, done)
}
