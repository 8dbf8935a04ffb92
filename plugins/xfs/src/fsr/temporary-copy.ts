/**
 * The second home of a file: without a name from the first moment (O_TMPFILE, so that
 * nothing can be left behind), with the target's flags, space reserved stretch by
 * stretch so that holes stay holes, and the contents copied past the page cache.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs'
import { alignedBuffer, fallocate } from 'bootpack/kernel'
import type { XfsInode } from '../kernel/bulkstat.js'
import { xfsDirectIo } from '../kernel/dio-info.js'
import { extendedFlag, setFileAttributes, type FileAttributes } from '../kernel/fsxattr.js'
import { xfsExtents, type XfsExtent } from '../kernel/getbmapx.js'
import type { GroupDirectories } from '../filesystem/group-directories.js'
import type { XfsFilesystem } from '../filesystem/xfs-filesystem.js'
import { matchForkOffset } from './fork-offset.js'
import { partsOf, stretchesOf } from './layout.js'
import { Leave } from './outcome.js'

const longestCopy = 4 << 20

export class TemporaryCopy {
  readonly fd: number
  readonly inode: number
  private readonly filesystem: XfsFilesystem

  private constructor(fd: number, inode: number, filesystem: XfsFilesystem) {
    this.fd = fd
    this.inode = inode
    this.filesystem = filesystem
  }

  /**
   * @param group allocation group to lie in, as far as the kernel heeds it
   * @throws KernelError
   */
  static create(
    filesystem: XfsFilesystem,
    directories: GroupDirectories,
    group: number,
    target: XfsInode,
    attributes: FileAttributes,
  ): TemporaryCopy {
    const plain = directories.temporaryFile(group)
    let fd: number
    try {
      fd = openSync(`/proc/self/fd/${plain}`, constants.O_RDWR | constants.O_DIRECT | constants.O_NOATIME)
    } finally {
      closeSync(plain)
    }
    const copy = new TemporaryCopy(fd, fstatSync(fd).ino, filesystem)
    try {
      if (!filesystem.geometry.exchangeRange) matchForkOffset(filesystem, fd, copy.inode, target.forkOffset)
      setFileAttributes(fd, { ...attributes, flags: (attributes.flags & ~extendedFlag.hasAttributes) >>> 0 })
      return copy
    } catch (error) {
      copy.close()
      throw error
    }
  }

  /** Its extents now. */
  extents(): XfsExtent[] {
    return xfsExtents(this.fd)
  }

  /** @throws KernelError no-space */
  reserve(layout: readonly XfsExtent[]): void {
    for (const { from, length } of stretchesOf(layout)) fallocate(this.fd, 'allocate', from, length)
  }

  /**
   * Copies what is written; what only is reserved stays so. Ends with everything on the
   * disk, the target's size and its owner, so that quotas count the blocks as his.
   * @param from descriptor open with O_DIRECT
   * @throws Leave when the target became shorter meanwhile
   */
  fill(from: number, target: XfsInode, layout: readonly XfsExtent[]): void {
    const { unit, memory, longest } = xfsDirectIo(this.fd)
    const step = Math.max(unit, Math.floor(Math.min(longest, longestCopy) / unit) * unit)
    const buffer = shared(Math.max(step, unit), Math.max(memory, 4096))
    for (const part of partsOf(layout)) {
      if (part.unwritten) continue
      const end = Math.min(part.from + part.length, target.size)
      for (let at = part.from; at < end;) {
        const wanted = Math.min(step, Math.ceil((end - at) / unit) * unit)
        const got = readSync(from, buffer, 0, wanted, at)
        if (got < Math.min(wanted, end - at))
          throw new Leave('failed', 'modified', 'file modified: it became shorter while it was copied')
        const rounded = Math.ceil(got / unit) * unit
        buffer.fill(0, got, rounded)
        let written = 0
        while (written < rounded) written += writeSync(this.fd, buffer, written, rounded - written, at + written)
        at += got
      }
    }
    ftruncateSync(this.fd, target.size)
    fsyncSync(this.fd)
    fchownSync(this.fd, target.uid, target.gid)
  }

  /** Gives the blocks back at once, instead of when the kernel finds time for the inode. */
  close(): void {
    try {
      ftruncateSync(this.fd, 0)
    } finally {
      closeSync(this.fd)
    }
  }
}

let buffer: Buffer | undefined

/** One buffer for all copies: they are made one at a time. */
function shared(size: number, alignment: number): Buffer {
  if (buffer === undefined || buffer.length < size) buffer = alignedBuffer(size, alignment)
  return buffer
}
