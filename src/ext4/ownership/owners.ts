/**
 * Who holds the blocks of some runs: what inodes claim, laid over the fixed
 * metadata and compared with the bitmaps. Each used block has exactly one owner,
 * or one nobody can see; anything else is refused, since moving one claim would
 * destroy the other.
 */
import { refused } from '../../errors.js'
import { nextZero, oneRuns } from '../../bytes/bitset.js'
import { fileBlock, fsBlock } from '../../layout/block.js'
import type { OwnedRun } from '../../layout/owner.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import type { RunSet } from '../../layout/run-set.js'
import type { ClaimMap } from './claim-map.js'
import { collectClaims, ownedRun, type Claims } from './inode-claims.js'
import type { Filesystem } from '../read/filesystem.js'
import { overlapping } from '../read/fixed-runs.js'
import { groupLength, groupOfBlock, groupStart } from '../format/group-layout.js'
import { isSystemInode, type ImmovableFiles } from './immovable.js'
import { findSwapFiles } from './swap.js'
import { decodeXattrBlock } from '../format/xattr-block.js'

/** Groups whose block bitmaps are brought in at once. */
const bitmapsAhead = 128

const repair = 'Run e2fsck on it first.'

/**
 * All owners of blocks in `runs`, sorted; owners' extents whole.
 * @param map takes every claim, wherever it is
 * @throws refused when two claim a block of the runs, or a claimed one is marked free
 */
export async function findOwners(
  filesystem: Filesystem,
  immovable: ImmovableFiles,
  runs: RunSet,
  map?: ClaimMap,
): Promise<OwnedRun[]> {
  const claims = await collectClaims(filesystem, runs, map)
  const swapFiles = await findSwapFiles(filesystem, claims.probes)
  const bootLoader = await immovable.bootLoaderFiles()
  const owned: OwnedRun[] = await xattrOwners(filesystem, claims)
  for (const index of claims.list.order()) {
    const run = ownedRun(claims.list.at(index))
    if (run.immovable !== undefined) owned.push(run)
    else if (bootLoader.has(run.inode)) owned.push({ ...run, immovable: 'boot-loader' })
    else if (swapFiles.has(run.inode)) owned.push({ ...run, immovable: 'swap-file' })
    else owned.push(run)
  }
  for (const run of runs) {
    for (const fixed of overlapping(filesystem.fixedRuns(), run)) {
      // A long fixed run may reach into several of the runs asked for.
      if (owned.at(-1)?.start === fixed.start && owned.at(-1)?.kind === fixed.kind) continue
      owned.push({ ...fixed, inode: 0, logical: fileBlock(0), unwritten: false, immovable: 'fixed-metadata' })
    }
  }
  owned.sort((a, b) => a.start - b.start)
  refuseDoubleClaims(owned, runs)
  const unknown = await compareWithBitmaps(filesystem, owned, runs)
  return unknown.length === 0 ? owned : [...owned, ...unknown].sort((a, b) => a.start - b.start)
}

async function xattrOwners(filesystem: Filesystem, { xattrs }: Claims): Promise<OwnedRun[]> {
  const owned: OwnedRun[] = []
  const blocks = [...xattrs.keys()]
  for (const [index, block] of blocks.entries()) {
    if (index % 1000 === 0) await filesystem.blocks.prefetch(blocks.slice(index, index + 1000))
    const sharers = xattrs.get(block)!
    const first = sharers[0]!
    const { references } = decodeXattrBlock(await filesystem.blocks.read(block), fsBlock(block), filesystem.superblock)
    const reason = isSystemInode(first, filesystem.superblock)
      ? 'system-inode'
      : // Somebody refers to it whom the scan does not see.
        references !== sharers.length
        ? 'shared-xattr'
        : undefined
    owned.push({
      ...blockRun(block, 1),
      kind: 'xattr',
      inode: first,
      logical: fileBlock(0),
      unwritten: false,
      ...(reason === undefined ? {} : { immovable: reason }),
    })
  }
  return owned
}

/** @param owned sorted by start */
function refuseDoubleClaims(owned: readonly OwnedRun[], runs: RunSet): void {
  let last: OwnedRun | undefined
  for (const next of owned) {
    if (last && next.start < last.start + last.length) {
      const shared = blockRun(next.start, Math.min(last.start + last.length, next.start + next.length) - next.start)
      if (runs.intersects(shared)) {
        throw refused(
          'multiply-claimed',
          `Block ${next.start} belongs to both ${nameOf(last)} and ${nameOf(next)}.`,
          repair,
        )
      }
    }
    if (!last || next.start + next.length > last.start + last.length) last = next
  }
}

const nameOf = ({ kind, inode }: OwnedRun): string => (inode === 0 ? `the ${kind}` : `inode ${inode} (${kind})`)

/**
 * @param owned sorted, disjoint within the runs
 * @returns what is marked in use and claimed by nobody, sorted
 */
async function compareWithBitmaps(
  filesystem: Filesystem,
  owned: readonly OwnedRun[],
  runs: RunSet,
): Promise<OwnedRun[]> {
  const { superblock } = filesystem
  const unknown: BlockRun[] = []
  const nobody = (start: number, length: number): void => {
    const last = unknown.at(-1)
    if (last && last.start + last.length === start)
      unknown[unknown.length - 1] = { ...last, length: last.length + length }
    else unknown.push(blockRun(start, length))
  }
  let next = 0
  for (const run of runs) {
    const end = Math.min(run.start + run.length, superblock.blockCount)
    let at = Math.max(run.start, superblock.firstDataBlock)
    let ahead = 0
    while (at < end) {
      const group = groupOfBlock(superblock, at)
      if (group >= ahead) {
        ahead = Math.min(group + bitmapsAhead, groupOfBlock(superblock, end - 1) + 1)
        await filesystem.prefetchBlockBitmaps(group, ahead)
      }
      const base = groupStart(superblock, group)
      const until = Math.min(end, base + groupLength(superblock, group))
      const bits = await filesystem.blockBitmap(group)
      while (at < until) {
        while (next < owned.length && owned[next]!.start + owned[next]!.length <= at) next++
        const owner = owned[next]
        const free = Math.min(until, Math.max(at, owner?.start ?? until))
        for (const [start, length] of oneRuns(bits, at - base, free - base)) nobody(base + start, length)
        at = free
        if (at < until) {
          const to = Math.min(until, owner!.start + owner!.length)
          const hole = base + nextZero(bits, at - base, to - base)
          if (hole < to)
            throw refused('marked-free', `Block ${hole} belongs to ${nameOf(owner!)} but is marked free.`, repair)
          at = to
        }
      }
    }
  }
  return unknown.map((run) => ({
    ...run,
    kind: 'unknown',
    inode: 0,
    logical: fileBlock(0),
    unwritten: false,
    immovable: 'unknown-owner',
  }))
}

/** For each attribute block asked for, all inodes that refer to it, ascending. */
export async function inodesSharing(
  filesystem: Filesystem,
  xattrBlocks: RunSet,
): Promise<ReadonlyMap<number, readonly number[]>> {
  return (await collectClaims(filesystem, xattrBlocks)).xattrs
}
