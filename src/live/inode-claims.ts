/**
 * Who claims which blocks, from the inode tables: one sequential read of their used
 * parts, which was measured at a tenth of the time of opening every file for its
 * FIEMAP (test/bench/live-owners.ts).
 *
 * Files come and go meanwhile. Inode bitmaps are left out of it, since they and the
 * checksums over them change with every file created: an inode counts by its links.
 * Files deleted but open have none and stay unknown, our own arenas among them. An
 * inode caught in the middle of a change is read again, and left out if that does
 * not help: its blocks then belong to nobody we know, and stay.
 */
import { BootpackError } from '../errors.js'
import { getU16 } from '../bytes/little-endian.js'
import { bootLoaderFiles } from '../image/boot-loader-files.js'
import { readSmallExtentTree } from '../image/extent-tree.js'
import { mapKind, readFileMap, type FileMap } from '../image/file-map.js'
import type { Filesystem } from '../image/filesystem.js'
import { inherentReason, isSystemInode } from '../image/immovable.js'
import { decodeInode, inodeFlag, type Inode } from '../image/inode.js'
import { findSwapFiles, mayBeSwapFile, swapProbe, type SwapProbe } from '../image/swap-file.js'
import { fileBlock, fsBlock } from '../layout/block.js'
import { mergeExtents } from '../layout/extent.js'
import type { ImmovableReason, OwnedKind, OwnedRun } from '../layout/owner.js'
import type { BlockRun } from '../layout/run.js'
import type { DiskView } from './disk-view.js'

const pieceBytes = 1024 * 1024
const readAhead = 3
const rereads = 3

/** What keeps a file in place on a mounted filesystem although it could move on an unmounted one. */
export function onlineReason(flags: number): ImmovableReason | undefined {
  if (flags & inodeFlag.immutable) return 'immutable'
  if (flags & inodeFlag.appendOnly) return 'append-only'
  if (flags & inodeFlag.encrypted) return 'encrypted'
  return undefined
}

/**
 * All claims on blocks of `within`, owners' extents whole, sorted by start. Claims
 * may overlap where the filesystem changed meanwhile (or is damaged).
 */
export async function claimsWithin(view: DiskView, within: BlockRun): Promise<OwnedRun[]> {
  const { filesystem } = view
  const claims: OwnedRun[] = []
  const probes: SwapProbe[] = []
  const end = within.start + within.length
  const take = (inode: Inode, { extents, treeBlocks }: Pick<FileMap, 'extents' | 'treeBlocks'>): void => {
    const reason = inherentReason(inode, filesystem.superblock) ?? onlineReason(inode.flags)
    const kind: OwnedKind = inode.type === 'directory' ? 'directory' : inode.type === 'symlink' ? 'symlink' : 'data'
    const owner = { inode: inode.number, ...(reason === undefined ? {} : { immovable: reason }) }
    let found = false
    for (const { logical, physical, length, unwritten } of extents.length > 1 ? mergeExtents(extents) : extents) {
      if (physical >= end || physical + length <= within.start) continue
      claims.push({ ...owner, start: physical, length, kind, logical, unwritten })
      found = true
    }
    for (const [place, block] of treeBlocks.entries()) {
      if (block >= within.start && block < end) claims.push({ ...owner, ...single(block), kind: 'tree', logical: fileBlock(place) })
    }
    if (inode.xattrBlock >= within.start && inode.xattrBlock < end) {
      // What keeps a file's data in place says nothing about its attributes.
      const system = isSystemInode(inode.number, filesystem.superblock)
      claims.push({ inode: inode.number, ...single(inode.xattrBlock), kind: 'xattr', logical: fileBlock(0), ...(system ? { immovable: 'system-inode' as const } : {}) })
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
  return withoutSharedXattrs(claims)
    .map((claim) => claim.immovable !== undefined || claim.kind === 'xattr' ? claim
      : bootLoader.has(claim.inode) ? { ...claim, immovable: 'boot-loader' as const }
        : swapFiles.has(claim.inode) ? { ...claim, immovable: 'swap-file' as const } : claim)
    .sort((a, b) => a.start - b.start)
}

const single = (block: number): { start: OwnedRun['start'], length: number, unwritten: boolean } =>
  ({ start: fsBlock(block), length: 1, unwritten: false })

/** Inodes share attribute blocks; one of them stands for all. */
function withoutSharedXattrs(claims: readonly OwnedRun[]): OwnedRun[] {
  const seen = new Set<number>()
  return claims.filter(({ kind, start }) => {
    if (kind !== 'xattr') return true
    if (seen.has(start)) return false
    seen.add(start)
    return true
  })
}

async function mapOf(filesystem: Filesystem, inode: Inode): Promise<Pick<FileMap, 'extents' | 'treeBlocks'> | undefined> {
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
  const pending: { piece: Piece, bytes: Promise<Uint8Array> }[] = []
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
      yield { start: inodeTable + from / perBlock, blocks: Math.ceil(count / perBlock), firstInode: group * inodesPerGroup + from + 1, count }
    }
  }
}

const linksOffset = 0x1a

async function inodesOf(filesystem: Filesystem, { start, firstInode, count }: Piece, bytes: Uint8Array): Promise<Inode[]> {
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
      const again = block.subarray(at % blockSize, at % blockSize + inodeSize)
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

