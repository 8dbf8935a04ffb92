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
import { refused } from '../errors.js'
import { fiemap } from '../kernel/fiemap.js'
import { openByInode } from '../kernel/open-by-handle.js'
import { fileBlock } from '../layout/block.js'
import type { OwnedRun } from '../layout/owner.js'
import { blockRun, runsOverlap, type BlockRun } from '../layout/run.js'
import { RunSet } from '../layout/run-set.js'
import type { FixedRun } from '../volume/volume.js'

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
    if (runsOverlap(run, within)) owned.push({ ...run, inode: 0, logical: fileBlock(0), unwritten: false, immovable: 'fixed-metadata' })
  }
  const known = RunSet.of(owned)
  for (const run of input.free()) known.add(run)
  for (const run of known.missingFrom(within)) {
    owned.push({ ...run, kind: 'unknown', inode: 0, logical: fileBlock(0), unwritten: false, immovable: 'unknown-owner' })
  }
  return owned.sort((a, b) => a.start - b.start)
}

function settleOverlaps({ claims, fixed, root, blockSize }: OwnerInput): OwnedRun[] {
  const reserved = RunSet.of(fixed)
  const settled: OwnedRun[] = []
  for (const claim of claims) {
    // The list of bad blocks and the resize inode claim fixed metadata as well.
    if (reserved.intersects(claim)) continue
    const last = settled.at(-1)
    if (!last || !runsOverlap(last, claim)) {
      settled.push(claim)
      continue
    }
    const [one, other] = [isHeld(last, root, blockSize), isHeld(claim, root, blockSize)]
    if (one && other) {
      throw refused('multiply-claimed', `Block ${claim.start} belongs to both inode ${last.inode} and inode ${claim.inode}.`, 'Unmount the filesystem and run e2fsck on it first.')
    }
    if (!one) settled.pop()
    if (other) settled.push(claim)
  }
  return settled
}

function settleFree(claims: readonly OwnedRun[], { free, root, blockSize }: OwnerInput): OwnedRun[] {
  const known = free()
  return claims.filter((claim) => {
    if (!known.intersects(claim)) return true
    if (!isHeld(claim, root, blockSize)) return false
    // Confirmed: then the map was older, or is wrong.
    if (!free().intersects(claim)) return true
    if (!isHeld(claim, root, blockSize)) return false
    throw refused('marked-free', `Block ${claim.start} belongs to inode ${claim.inode} but is marked free.`, 'Unmount the filesystem and run e2fsck on it first.')
  })
}

/** Whether the kernel maps the claimed file blocks to the claimed place now. */
function isHeld({ inode, kind, logical, start, length }: OwnedRun, root: number, blockSize: number): boolean {
  if (kind !== 'data' && kind !== 'directory') return false
  let fd: number
  try {
    fd = openByInode(root, inode, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOATIME)
  } catch {
    return false
  }
  try {
    const held = fiemap(fd, { from: logical * blockSize, to: (logical + length) * blockSize })
    const claimed = blockRun(start, length)
    return held.some((extent) => !extent.unplaced && runsOverlap(blockRun(extent.physical / blockSize, extent.length / blockSize), claimed)
      && extent.physical - extent.logical === (start - logical) * blockSize)
  } catch {
    return false
  } finally {
    closeSync(fd)
  }
}
