/**
 * Who claims which blocks, from the inode tables: one sequential read of their used
 * parts. With 40,000 files that takes as long as asking each for its FIEMAP when all
 * is cached, a half to a quarter of it from a cold cache, and tells of tree, link and
 * attribute blocks as well (test/bench/live-owners.ts).
 *
 * Files come and go meanwhile. Inode bitmaps are left out of it, since they and the
 * checksums over them change with every file created: an inode counts by its links.
 * Files deleted but open have none and stay unknown, our own arenas among them. An
 * inode caught in the middle of a change is read again, and left out if that does
 * not help: its blocks then belong to nobody we know, and stay.
 */
import { BootpackError } from '../../errors.js'
import { getU16 } from '../../bytes/little-endian.js'
import { bootLoaderFiles } from '../../ext4/ownership/boot-loader.js'
import { readSmallExtentTree } from '../../ext4/read/extent-tree.js'
import { mapKind, readFileMap, type FileMap } from '../../ext4/read/file-map.js'
import type { Filesystem } from '../../ext4/read/filesystem.js'
import { inherentReason, isSystemInode } from '../../ext4/ownership/immovable.js'
import { decodeInode, inodeFlag, type Inode } from '../../ext4/format/inode.js'
import { findSwapFiles, mayBeSwapFile, swapProbe, type SwapProbe } from '../../ext4/ownership/swap.js'
import { fileBlock, fsBlock } from '../../layout/block.js'
import { mergeExtents } from '../../layout/extent.js'
import type { OwnedKind, OwnedRun } from '../../layout/owner.js'
import type { ImmovableReason } from '../../layout/reason.js'
import type { BlockRun } from '../../layout/run.js'
import type { DiskView } from './disk-view.js'
import { heldReason } from './held-files.js'

const pieceBytes = 1024 * 1024
const readAhead = 3
const rereads = 3

/** What keeps a file in place on a mounted filesystem although it could move on an unmounted one. */
export function onlineReason(flags: number): ImmovableReason | undefined {
  if (flags & inodeFlag.immutable) return 'immutable'
  if (flags & inodeFlag.appendOnly) return 'append-only'
  if (flags & inodeFlag.verity) return 'verity'
  if (flags & inodeFlag.encrypted) return 'encrypted'
  if (flags & inodeFlag.journalData) return 'journal-data'
  return undefined
}

/**
 * All claims on blocks of `within`, owners' extents whole, sorted by start. Claims
 * may overlap where the filesystem changed meanwhile (or is damaged).
 */
export async function claimsWithin(view: DiskView, within: BlockRun): Promise<OwnedRun[]> {
  const { filesystem, held } = view
  const claims: OwnedRun[] = []
  const attributes = new Set<number>()
  const probes: SwapProbe[] = []
  const end = within.start + within.length
  const take = (inode: Inode, { extents, treeBlocks }: Pick<FileMap, 'extents' | 'treeBlocks'>): void => {
    const reason =
      inherentReason(inode, filesystem.superblock) ?? onlineReason(inode.flags) ?? heldReason(held, inode.number)
    const indirect = mapKind(inode, filesystem.superblock) === 'indirect'
    const type: OwnedKind = inode.type === 'directory' ? 'directory' : inode.type === 'symlink' ? 'symlink' : 'data'
    const add = (
      start: number,
      length: number,
      kind: OwnedKind,
      logical: number,
      unwritten: boolean,
      immovable: ImmovableReason | undefined,
    ): boolean => {
      if (start >= end || start + length <= within.start) return false
      claims.push(owned(start, length, kind, inode.number, logical, unwritten, immovable, indirect))
      return true
    }
    let found = false
    for (const { logical, physical, length, unwritten } of extents.length > 1 ? mergeExtents(extents) : extents) {
      found = add(physical, length, type, logical, unwritten, reason) || found
    }
    for (const [place, block] of treeBlocks.entries()) add(block, 1, 'tree', place, false, reason)
    if (inode.xattrBlock !== 0 && !attributes.has(inode.xattrBlock)) {
      // Inodes share attribute blocks; the first of them stands for all. And what keeps
      // a file's data in place says nothing about its attributes.
      attributes.add(inode.xattrBlock)
      add(
        inode.xattrBlock,
        1,
        'xattr',
        0,
        false,
        isSystemInode(inode.number, filesystem.superblock) ? 'system-inode' : undefined,
      )
    }
    if (found && reason === undefined && mayBeSwapFile(inode)) {
      const probe = swapProbe(inode.number, extents, filesystem.blockSize)
      if (probe) probes.push(probe)
    }
  }
  for await (const inodes of usedInodes(filesystem)) {
    for (const inode of inodes) {
      const map = await mapOf(filesystem, inode)
      if (map) take(inode, map)
    }
  }
  const swapFiles = await findSwapFiles(filesystem, probes)
  const bootLoader = await bootLoaderFiles(filesystem)
  for (const [i, { start, length, kind, inode, logical, unwritten, immovable, indirect = false }] of claims.entries()) {
    if (immovable !== undefined || kind === 'xattr') continue
    const reason = bootLoader.has(inode) ? 'boot-loader' : swapFiles.has(inode) ? 'swap-file' : undefined
    if (reason !== undefined) claims[i] = owned(start, length, kind, inode, logical, unwritten, reason, indirect)
  }
  return claims.sort((a, b) => a.start - b.start)
}

/** One of few shapes, because there are hundreds of thousands of them. */
const owned = (
  start: number,
  length: number,
  kind: OwnedRun['kind'],
  inode: number,
  logical: number,
  unwritten: boolean,
  immovable: ImmovableReason | undefined,
  indirect: boolean,
): OwnedRun => ({
  start: fsBlock(start),
  length,
  kind,
  inode,
  logical: fileBlock(logical),
  unwritten,
  ...(indirect && { indirect: true as const }),
  ...(immovable !== undefined && { immovable }),
})

async function mapOf(
  filesystem: Filesystem,
  inode: Inode,
): Promise<Pick<FileMap, 'extents' | 'treeBlocks'> | undefined> {
  const kind = mapKind(inode, filesystem.superblock)
  const empty = { extents: [], treeBlocks: [] }
  if (kind === 'none') return inode.xattrBlock === 0 ? undefined : empty
  try {
    const small = kind === 'extents' ? readSmallExtentTree(filesystem, inode) : undefined
    return small ? { extents: small, treeBlocks: [] } : await readFileMap(filesystem, inode)
  } catch (error) {
    if (error instanceof BootpackError && error.family === 'corrupt') return undefined
    throw error
  }
}

/** Inodes that have links, in order, in batches. */
async function* usedInodes(filesystem: Filesystem): AsyncGenerator<Inode[]> {
  const pending: { piece: Piece; bytes: Promise<Uint8Array> }[] = []
  for (const piece of pieces(filesystem)) {
    const bytes = filesystem.blocks.readRun(piece.start, piece.blocks)
    bytes.catch(() => {})
    pending.push({ piece, bytes })
    if (pending.length > readAhead) {
      const first = pending.shift()!
      yield await inodesOf(filesystem, first.piece, await first.bytes)
    }
  }
  for (const { piece, bytes } of pending) yield await inodesOf(filesystem, piece, await bytes)
}

interface Piece {
  readonly start: number
  readonly blocks: number
  readonly firstInode: number
  readonly count: number
}

function* pieces(filesystem: Filesystem): Generator<Piece> {
  const { blockSize, inodeSize, inodesPerGroup, groupCount } = filesystem.superblock
  const perBlock = blockSize / inodeSize
  const perPiece = Math.max(1, Math.floor(pieceBytes / blockSize)) * perBlock
  for (let group = 0; group < groupCount; group++) {
    const { inodesUninitialised, unusedInodes, inodeTable } = filesystem.groups.get(group)
    if (inodesUninitialised) continue
    const used = inodesPerGroup - unusedInodes
    for (let from = 0; from < used; from += perPiece) {
      const count = Math.min(perPiece, used - from)
      yield {
        start: inodeTable + from / perBlock,
        blocks: Math.ceil(count / perBlock),
        firstInode: group * inodesPerGroup + from + 1,
        count,
      }
    }
  }
}

const linksOffset = 0x1a

async function inodesOf(
  filesystem: Filesystem,
  { start, firstInode, count }: Piece,
  bytes: Uint8Array,
): Promise<Inode[]> {
  const { superblock, blockSize } = filesystem
  const { inodeSize } = superblock
  const inodes: Inode[] = []
  for (let i = 0; i < count; i++) {
    const at = i * inodeSize
    if (getU16(bytes, at + linksOffset) === 0) continue
    const inode = decoded(bytes.subarray(at, at + inodeSize), firstInode + i, filesystem)
    if (inode) {
      inodes.push(inode)
      continue
    }
    for (let attempt = 0; attempt < rereads; attempt++) {
      const block = await filesystem.blocks.readRun(start + Math.floor(at / blockSize), 1)
      const again = block.subarray(at % blockSize, (at % blockSize) + inodeSize)
      const better = getU16(again, linksOffset) === 0 ? undefined : decoded(again, firstInode + i, filesystem)
      if (better) {
        inodes.push(better)
        break
      }
    }
  }
  return inodes
}

function decoded(bytes: Uint8Array, number: number, { superblock }: Filesystem): Inode | undefined {
  try {
    return decodeInode(bytes, number, superblock)
  } catch (error) {
    if (error instanceof BootpackError && error.family === 'corrupt') return undefined
    throw error
  }
}
