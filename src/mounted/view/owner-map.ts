/**
 * Who holds the blocks of a run on a filesystem in use: claims laid over fixed
 * metadata and the kernel's free-space map.
 *
 * Claims were read over a while, so two may disagree about a block that changed
 * hands, and one may name a block that is free by now. The kernel settles it: the
 * claim that FIEMAP confirms stays, the other is old. Only when both are confirmed
 * is the filesystem damaged.
 */
import { constants, closeSync } from 'node:fs'
import { refused } from '../../errors.js'
import { fiemap } from '../../kernel/fiemap.js'
import { openByInode } from '../../kernel/open-by-handle.js'
import { fileBlock } from '../../layout/block.js'
import type { OwnedRun } from '../../layout/owner.js'
import { blockRun, intersectRuns, runEnd, runsOverlap, type BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import type { FixedRun } from '../../volume/volume.js'

export interface OwnerInput {
  /** Descriptor of the root directory. */
  readonly root: number
  readonly blockSize: number
  /** Sorted by start. */
  readonly claims: readonly OwnedRun[]
  readonly fixed: readonly FixedRun[]
  readonly within: BlockRun
  /** Asks for free space again. */
  readonly free: () => RunSet
}

/**
 * @returns sorted, disjoint; what is in use and claimed by nobody is 'unknown'
 * @throws refused when two files truly hold one block, or a held block is free
 */
export function ownersWithin(input: OwnerInput): OwnedRun[] {
  const { within, fixed } = input
  const settled = settleFree(settleOverlaps(input), input)
  const owned: OwnedRun[] = [...settled]
  for (const run of fixed) {
    if (runsOverlap(run, within))
      owned.push({ ...run, inode: 0, logical: fileBlock(0), unwritten: false, immovable: 'fixed-metadata' })
  }
  for (const run of RunSet.of([...owned, ...input.free()]).missingFrom(within)) {
    owned.push({
      ...run,
      kind: 'unknown',
      inode: 0,
      logical: fileBlock(0),
      unwritten: false,
      immovable: 'unknown-owner',
    })
  }
  return owned.sort((a, b) => a.start - b.start)
}

function settleOverlaps({ claims, fixed, root, blockSize }: OwnerInput): OwnedRun[] {
  const reserved = RunSet.of(fixed)
  // The list of bad blocks and the resize inode claim fixed metadata as well.
  const sorted = claims.filter((claim) => !reserved.intersects(claim))
  const disputed = new Set<OwnedRun>()
  let widest: OwnedRun | undefined
  for (const claim of sorted) {
    if (widest && runsOverlap(widest, claim)) disputed.add(widest).add(claim)
    if (!widest || runEnd(claim) > runEnd(widest)) widest = claim
  }
  if (disputed.size === 0) return sorted
  const settled = sorted
    .flatMap((claim) => (disputed.has(claim) ? heldParts(claim, root, blockSize) : [claim]))
    .sort((a, b) => a.start - b.start)
  for (const [i, claim] of settled.entries()) {
    const before = settled[i - 1]
    if (before && runsOverlap(before, claim)) {
      throw refused(
        'multiply-claimed',
        `Block ${claim.start} belongs to both inode ${before.inode} and inode ${claim.inode}.`,
        'Unmount the filesystem and run e2fsck on it first.',
      )
    }
  }
  return settled
}

function settleFree(claims: readonly OwnedRun[], { free, root, blockSize }: OwnerInput): OwnedRun[] {
  let known = free()
  return claims.flatMap((claim) => {
    if (!known.intersects(claim)) return [claim]
    for (let attempt = 0; attempt < attempts; attempt++) {
      const parts = heldParts(claim, root, blockSize)
      if (!parts.some((part) => known.intersects(part))) return parts
      // Allocated since the map was read, or the map is wrong.
      known = free()
    }
    throw refused(
      'marked-free',
      `Block ${claim.start} belongs to inode ${claim.inode} but is marked free.`,
      'Unmount the filesystem and run e2fsck on it first.',
    )
  })
}

const attempts = 4

/** The parts of a claim that the kernel maps now as the claim says; none of what it does not tell about. */
function heldParts(claim: OwnedRun, root: number, blockSize: number): OwnedRun[] {
  const { inode, kind, logical, start, length } = claim
  if (kind !== 'data' && kind !== 'directory') return []
  let fd: number
  try {
    fd = openByInode(root, inode, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOATIME)
  } catch {
    return []
  }
  try {
    return fiemap(fd, { from: logical * blockSize, to: (logical + length) * blockSize }).flatMap((extent) => {
      if (extent.unplaced || extent.inline || extent.physical - extent.logical !== (start - logical) * blockSize)
        return []
      const common = intersectRuns(claim, blockRun(extent.physical / blockSize, extent.length / blockSize))
      return common
        ? [{ ...claim, ...common, logical: fileBlock(logical + common.start - start), unwritten: extent.unwritten }]
        : []
    })
  } catch {
    return []
  } finally {
    closeSync(fd)
  }
}
