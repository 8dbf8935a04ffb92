import { getU32 } from '../../bytes/little-endian.js'
import type { ContentPiece, FileContents } from '../../volume/capabilities.js'
import { visitEntries } from '../format/directory-block.js'
import { directoryFormat, directoryParts } from './directory.js'
import { fileExtents, isFastSymlink } from './file-map.js'
import type { Filesystem } from './filesystem.js'
import { hasInlineData, inlineContents } from '../format/inline-data.js'
import type { Inode } from '../format/inode.js'

/** Bytes read at once. */
const pieceSize = 1024 * 1024

/**
 * What an inode's blocks hold, as a reader of the file would get it: not beyond the
 * end of a regular file, unwritten extents left out. What lies in the inode itself
 * (inline data, short links) is read there.
 */
export function imageContents(filesystem: Filesystem, inode: Inode): FileContents {
  return {
    stamp: stampOf(inode),
    pieces: () => pieces(filesystem, inode),
    ...(inode.type === 'directory' && { names: () => names(filesystem, inode) }),
  }
}

/** Time of the last write and size. */
function stampOf({ raw, size }: Inode): string {
  const fraction = raw.length > 0x88 + 4 ? getU32(raw, 0x88) : 0
  return `${getU32(raw, 0x10)}.${fraction} ${size}`
}

/** Each name behind its type, ended by a zero. */
async function* names(filesystem: Filesystem, inode: Inode): AsyncGenerator<ContentPiece> {
  const format = directoryFormat(filesystem, inode)
  let offset = 0
  for await (const part of directoryParts(filesystem, inode)) {
    const found: Uint8Array[] = []
    visitEntries(
      part.bytes,
      format,
      (_inode, type, start, end) => {
        found.push(Buffer.from(`${type} `), part.bytes.subarray(start, end), Buffer.of(0))
      },
      true,
    )
    const bytes = Buffer.concat(found)
    yield { offset, bytes }
    offset += bytes.length
  }
}

async function* pieces(filesystem: Filesystem, inode: Inode): AsyncGenerator<ContentPiece> {
  const { blockSize } = filesystem
  const inside = hasInlineData(inode)
    ? inlineContents(inode)
    : inode.type === 'symlink' && isFastSymlink(inode)
      ? inode.blockArea.subarray(0, inode.size)
      : undefined
  if (inside) {
    yield { offset: 0, bytes: inside }
    return
  }
  const blocksAtOnce = Math.max(1, pieceSize / blockSize)
  const end = inode.type === 'regular' ? inode.size : Infinity
  for (const { logical, physical, length, unwritten } of await fileExtents(filesystem, inode)) {
    if (unwritten) continue
    for (let done = 0; done < length; done += blocksAtOnce) {
      const offset = (logical + done) * blockSize
      if (offset >= end) return
      const bytes = await filesystem.blocks.readRun(physical + done, Math.min(blocksAtOnce, length - done))
      yield { offset, bytes: bytes.subarray(0, Math.min(bytes.length, end - offset)) }
    }
  }
}
