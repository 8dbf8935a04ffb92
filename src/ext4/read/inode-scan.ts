/**
 * All used inodes, in order, as fast as they can be read: only the part of each
 * inode table that its descriptor and bitmap say is used, in pieces of a MiB, the
 * next pieces being read while this one is looked at. The pieces' buffers go round: a
 * million inodes would else leave a quarter of a GiB for the garbage collector.
 */
import { corrupt } from '../../errors.js'
import { nextOne, oneRuns } from '../../bytes/bitset.js'
import type { Filesystem } from './filesystem.js'
import { decodeInode, type Inode } from '../format/inode.js'
import type { Superblock } from '../format/superblock.js'

const pieceBytes = 1024 * 1024
const readAhead = 3
/** Groups whose inode bitmaps are brought in at once. */
const bitmapsAhead = 256

/** A piece of an inode table. */
interface Piece {
  /** First block of it. */
  readonly start: number
  readonly blocks: number
  /** Number of the inode at its first byte. */
  readonly firstInode: number
  /** The group's inode bitmap and the bits of it that are in this piece. */
  readonly bits: Uint8Array
  readonly fromBit: number
  readonly toBit: number
}

/**
 * Batches of used inodes in ascending order of number. An inode's bytes are views
 * of the piece, which another takes over as soon as the next batch is asked for: keep
 * a copy of what is wanted for longer, not the inode.
 * @throws corrupt when a descriptor, an inode bitmap or an inode is damaged
 */
export async function* scanInodes(filesystem: Filesystem): AsyncGenerator<Inode[]> {
  const pending: { piece: Piece; buffer: Uint8Array; bytes: Promise<Uint8Array> }[] = []
  const spare: Uint8Array[] = []
  const start = (piece: Piece): void => {
    const buffer = spare.pop() ?? new Uint8Array(Math.max(pieceBytes, filesystem.blockSize))
    const bytes = filesystem.blocks.readRun(piece.start, piece.blocks, buffer)
    // Its failure is met where it is awaited; until then it must not count as unhandled.
    bytes.catch(() => {})
    pending.push({ piece, buffer, bytes })
  }
  for await (const piece of pieces(filesystem)) {
    start(piece)
    if (pending.length > readAhead) {
      const first = pending.shift()!
      yield inodesOf(first.piece, await first.bytes, filesystem.superblock)
      spare.push(first.buffer)
    }
  }
  for (const { piece, bytes } of pending) yield inodesOf(piece, await bytes, filesystem.superblock)
}

async function* pieces(filesystem: Filesystem): AsyncGenerator<Piece> {
  const { superblock } = filesystem
  const { blockSize, inodeSize, inodesPerGroup, groupCount } = superblock
  const perPiece = Math.max(1, pieceBytes / blockSize)
  const perBlock = blockSize / inodeSize
  for (let group = 0; group < groupCount; group++) {
    if (group % bitmapsAhead === 0)
      await prefetchInodeBitmaps(filesystem, group, Math.min(groupCount, group + bitmapsAhead))
    const descriptor = filesystem.groups.get(group)
    if (descriptor.inodesUninitialised) continue
    const bits = await filesystem.inodeBitmap(group)
    const end = inodesPerGroup - descriptor.unusedInodes
    const beyond = nextOne(bits, end, inodesPerGroup)
    if (beyond < inodesPerGroup) {
      throw corrupt(
        'inode bitmap of group',
        group,
        `inode ${group * inodesPerGroup + beyond + 1} is in use among those that were never used`,
      )
    }
    for (let bit = nextOne(bits, 0, end); bit < end;) {
      const firstBlock = Math.floor(bit / perBlock)
      const fromBit = bit
      const limit = Math.min(end, (firstBlock + perPiece) * perBlock)
      let toBit = fromBit
      for (; bit < limit; bit = nextOne(bits, bit + 1, end)) toBit = bit + 1
      yield {
        start: descriptor.inodeTable + firstBlock,
        blocks: Math.ceil(toBit / perBlock) - firstBlock,
        firstInode: group * inodesPerGroup + firstBlock * perBlock + 1,
        bits,
        fromBit,
        toBit,
      }
    }
  }
}

async function prefetchInodeBitmaps(filesystem: Filesystem, from: number, to: number): Promise<void> {
  const blocks: number[] = []
  for (let group = from; group < to; group++) {
    const descriptor = filesystem.groups.get(group)
    if (!descriptor.inodesUninitialised) blocks.push(descriptor.inodeBitmap)
  }
  await filesystem.blocks.prefetch(blocks)
}

function inodesOf({ firstInode, bits, fromBit, toBit }: Piece, bytes: Uint8Array, superblock: Superblock): Inode[] {
  const { inodeSize, inodesPerGroup } = superblock
  const inodes: Inode[] = []
  const firstBit = (firstInode - 1) % inodesPerGroup
  for (const [run, length] of oneRuns(bits, fromBit, toBit)) {
    for (let bit = run; bit < run + length; bit++) {
      const at = (bit - firstBit) * inodeSize
      inodes.push(decodeInode(bytes.subarray(at, at + inodeSize), firstInode + bit - firstBit, superblock))
    }
  }
  return inodes
}
