/**
 * What inodes claim: one pass over all of them, keeping only what shares blocks
 * with the runs that were asked for.
 */
import { corrupt, refused } from '../../errors.js'
import { fileBlock, fsBlock, type FsBlock } from '../../layout/block.js'
import { mergeExtents, type Extent } from '../../layout/extent.js'
import type { OwnedKind, OwnedRun } from '../../layout/owner.js'
import type { ImmovableReason } from '../../layout/reason.js'
import { blockRun } from '../../layout/run.js'
import type { RunSet } from '../../layout/run-set.js'
import { ClaimList, type Claim } from './claim-list.js'
import type { ClaimMap } from './claim-map.js'
import { mapKind, readFileMap, readSmallMap, rootTreeBlocks } from '../read/file-map.js'
import type { Filesystem } from '../read/filesystem.js'
import { overlapping } from '../read/fixed-runs.js'
import { inherentReason } from './immovable.js'
import { scanInodes } from '../read/inode-scan.js'
import type { Inode } from '../format/inode.js'
import { mayBeSwapFile, swapProbe, type SwapProbe } from './swap.js'

const kinds: readonly OwnedKind[] = ['data', 'directory', 'symlink', 'tree', 'xattr']
const reasons: readonly (ImmovableReason | undefined)[] = [undefined, 'system-inode', 'shared-xattr']
const reasonMask = 0x7
const indirectBit = 0x40
const unwrittenBit = 0x80

/** The two inodes whose blocks may be fixed metadata as well: the list of bad blocks and the resize inode. */
const overFixed: ReadonlySet<number> = new Set([1, 7])

/** Trees with blocks of their own that are read together. */
const treesAtOnce = 500

export interface Claims {
  readonly list: ClaimList
  /** All inodes that refer to an attribute block, ascending; only blocks within the runs. */
  readonly xattrs: ReadonlyMap<number, readonly number[]>
  /** Of the files among the claims, those worth a look for a swap signature. */
  readonly probes: readonly SwapProbe[]
}

/**
 * @param map takes every claim, wherever it is
 * @throws corrupt when any inode or tree is damaged, wherever it is: what it claims
 *         cannot be known then
 */
export async function collectClaims(filesystem: Filesystem, runs: RunSet, map?: ClaimMap): Promise<Claims> {
  const list = new ClaimList()
  const xattrs = new Map<number, number[]>()
  const probes: SwapProbe[] = []
  const { superblock } = filesystem
  let claimed = 0

  const take = (inode: Inode, extents: readonly Extent[], treeBlocks: readonly FsBlock[]): void => {
    const reason = inherentReason(inode, superblock)
    const indirect = mapKind(inode, superblock) === 'indirect'
    const tag = (reasons.indexOf(reason) << 3) | (indirect ? indirectBit : 0)
    const kind = inode.type === 'directory' ? 1 : inode.type === 'symlink' ? 2 : 0
    let found = false
    const add = (start: number, length: number, logical: number, what: number): void => {
      map?.claim(start, length)
      claimed += length
      if (!runs.intersects(blockRun(start, length))) return
      found = true
      list.add(start, length, inode.number, logical, what)
    }
    const dodge = overFixed.has(inode.number)
    for (const { logical, physical, length, unwritten } of extents.length > 1 ? mergeExtents(extents) : extents) {
      const what = kind | tag | (unwritten ? unwrittenBit : 0)
      if (!dodge) add(physical, length, logical, what)
      else
        for (const [start, count] of outsideFixed(filesystem, physical, length))
          add(start, count, logical + start - physical, what)
    }
    for (const [place, block] of treeBlocks.entries()) {
      if (!dodge || outsideFixed(filesystem, block, 1).length > 0) add(block, 1, place, 3 | tag)
    }
    // More than there is cannot be claimed without claiming something twice; and this
    // bounds the work when many inodes share one tree.
    if (claimed > superblock.blockCount)
      throw refused(
        'multiply-claimed',
        'The files claim more blocks than the filesystem has.',
        'Run e2fsck on it first.',
      )
    if (found && reason === undefined && mayBeSwapFile(inode)) {
      const probe = swapProbe(inode.number, extents, superblock.blockSize)
      if (probe) probes.push(probe)
    }
  }

  const trees = async (inodes: readonly Inode[]): Promise<void> => {
    for (let from = 0; from < inodes.length; from += treesAtOnce) {
      const some = inodes.slice(from, from + treesAtOnce)
      await filesystem.blocks.prefetch(some.flatMap((inode) => rootTargets(filesystem, inode)))
      for (const inode of some) {
        const { extents, treeBlocks } = await readFileMap(filesystem, inode)
        take(inode, extents, treeBlocks)
      }
    }
  }

  for await (const inodes of scanInodes(filesystem)) {
    const larger: Inode[] = []
    for (const inode of inodes) {
      const { xattrBlock, number } = inode
      if (xattrBlock !== 0) {
        if (!filesystem.inside(blockRun(xattrBlock, 1)))
          throw corrupt('inode', number, `its attribute block is ${xattrBlock}, outside the filesystem`)
        map?.claimShared(xattrBlock)
        if (runs.has(xattrBlock)) {
          const sharers = xattrs.get(xattrBlock)
          if (sharers) sharers.push(number)
          else xattrs.set(xattrBlock, [number])
        }
      }
      const kind = mapKind(inode, superblock)
      if (kind === 'none') continue
      const small = readSmallMap(filesystem, inode, kind)
      if (small) take(inode, small, [])
      else larger.push(inode)
    }
    await trees(larger)
  }
  return { list, xattrs, probes }
}

function rootTargets(filesystem: Filesystem, inode: Inode): number[] {
  const kind = mapKind(inode, filesystem.superblock)
  if (kind === 'none') return []
  return rootTreeBlocks(inode, kind).filter((block) => filesystem.inside(blockRun(block, 1)))
}

/** The parts of a run that no fixed metadata holds, as [start, length]. */
function outsideFixed(filesystem: Filesystem, start: number, length: number): [start: number, length: number][] {
  const parts: [number, number][] = []
  let at = start
  for (const fixed of overlapping(filesystem.fixedRuns(), blockRun(start, length))) {
    if (fixed.start > at) parts.push([at, fixed.start - at])
    at = Math.max(at, fixed.start + fixed.length)
  }
  if (at < start + length) parts.push([at, start + length - at])
  return parts
}

/** A claim as the contract gives it, without the reasons that only others know. */
export function ownedRun({ start, length, inode, logical, tag }: Claim): OwnedRun {
  const reason = reasons[(tag >> 3) & reasonMask]
  return {
    start: fsBlock(start),
    length,
    kind: kinds[tag & 7]!,
    inode,
    logical: fileBlock(logical),
    unwritten: (tag & unwrittenBit) !== 0,
    ...((tag & indirectBit) !== 0 && { indirect: true as const }),
    ...(reason === undefined ? {} : { immovable: reason }),
  }
}
