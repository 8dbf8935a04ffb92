/** Where an inode's blocks are, asked in terms of a move. */
import { lowerBound } from '../../lower-bound.js'
import { hasBit } from '../../bytes/bitset.js'
import type { Extent } from '../../layout/extent.js'
import type { Move } from '../../volume/volume.js'
import { readFileMap, type FileMap } from '../read/file-map.js'
import type { Filesystem } from '../read/filesystem.js'
import { groupOfInode } from '../format/group-layout.js'
import type { Inode } from '../format/inode.js'

export interface InodeState {
  readonly inode: Inode
  readonly map: FileMap
}

/**
 * @returns undefined when the inode is free or there is no such number
 * @throws corrupt when inode or tree are damaged
 */
export async function readInodeState(filesystem: Filesystem, number: number): Promise<InodeState | undefined> {
  const { superblock } = filesystem
  if (!filesystem.inodeInRange(number)) return undefined
  const bits = await filesystem.inodeBitmap(groupOfInode(superblock, number))
  if (!hasBit(bits, (number - 1) % superblock.inodesPerGroup)) return undefined
  const inode = await filesystem.readInode(number)
  if (inode.links === 0 && inode.mode === 0) return undefined
  return { inode, map: await readFileMap(filesystem, inode) }
}

/** Where the blocks a move is about are now. */
export type Place = 'at-source' | 'at-target' | 'gone' | 'elsewhere'

export function placeOf({ inode, map }: InodeState, move: Move): Place {
  switch (move.kind) {
    case 'xattr': {
      if (inode.xattrBlock === 0) return 'gone'
      if (inode.xattrBlock === move.to) return 'at-target'
      return inode.xattrBlock === move.from ? 'at-source' : 'elsewhere'
    }
    case 'tree': {
      const blocks = new Set<number>(map.treeBlocks)
      const among = (start: number): number => range(start, move.length).filter((block) => blocks.has(block)).length
      if (among(move.from) === move.length) return 'at-source'
      if (among(move.to) === move.length) return 'at-target'
      return among(move.from) === 0 ? 'gone' : 'elsewhere'
    }
    case 'data':
    case 'directory':
    case 'symlink': {
      if (mappedAt(map.extents, move.logical, move.length, move.from)) return 'at-source'
      if (mappedAt(map.extents, move.logical, move.length, move.to)) return 'at-target'
      return overlapping(map.extents, move.logical, move.length).length === 0 ? 'gone' : 'elsewhere'
    }
  }
}

const range = (start: number, length: number): number[] => Array.from({ length }, (_, index) => start + index)

/** Whether all of `length` file blocks from `logical` on are mapped to the run that begins at `physical`. */
export function mappedAt(extents: readonly Extent[], logical: number, length: number, physical: number): boolean {
  let at = logical
  for (const found of overlapping(extents, logical, length)) {
    if (found.logical > at || found.physical + (at - found.logical) !== physical + (at - logical)) return false
    at = found.logical + found.length
  }
  return at >= logical + length
}

/** The extents that hold any of `length` file blocks from `logical` on, whole. */
export function overlapping(extents: readonly Extent[], logical: number, length: number): Extent[] {
  const low = lowerBound(extents.length, (place) => extents[place]!.logical + extents[place]!.length > logical)
  const found: Extent[] = []
  for (let i = low; i < extents.length && extents[i]!.logical < logical + length; i++) found.push(extents[i]!)
  return found
}
