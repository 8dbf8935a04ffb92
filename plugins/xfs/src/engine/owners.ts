/**
 * Who holds which blocks, as far as the kernel tells. With reverse mapping (rmapbt) one
 * call knows; without it every inode is asked for its extents. What nobody claims
 * (attributes, trees, long symlinks, shared blocks) is in use by an unknown owner, and
 * stays.
 */
import { closeSync, constants } from 'node:fs'
import {
  blockRun,
  fileBlock,
  fsBlock,
  RunSet,
  runsOverlap,
  type BlockRun,
  type FixedRun,
  type OwnedRun,
} from 'bootpack/engine'
import { failedWith } from 'bootpack/kernel'
import { xfsBulkstat, xfsInode, type XfsInode } from '../kernel/bulkstat.js'
import { xfsExtents } from '../kernel/getbmapx.js'
import { xfsSpaceMap, type XfsSpace } from '../kernel/getfsmap.js'
import { directory, regular, typeMask, type XfsFilesystem } from '../filesystem/xfs-filesystem.js'

/** Decides whether an inode's blocks must stay. */
export type Immovable = (inode: XfsInode) => OwnedRun['immovable']

const batch = 512

/**
 * @param fixed  group headers
 * @param claims of files and directories, sorted
 * @returns sorted and disjoint; runs are given whole
 */
export function ownersWithin(
  filesystem: XfsFilesystem,
  within: BlockRun,
  fixed: readonly FixedRun[],
  claims: readonly OwnedRun[],
): OwnedRun[] {
  const free = RunSet.of(filesystem.freeRuns(within))
  const owned: OwnedRun[] = fixed
    .filter((run) => runsOverlap(run, within))
    .map((run) => ({ ...run, inode: 0, logical: fileBlock(0), unwritten: false, immovable: 'fixed-metadata' }))
  const known = RunSet.of([...free, ...owned])
  for (const claim of claims) {
    // A claim on free space, or a second one, is older than the map: the file has changed.
    if (!runsOverlap(claim, within) || known.intersects(claim)) continue
    owned.push(claim)
    known.add(claim)
  }
  for (const run of known.missingFrom(within)) {
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

/** Claims on all of the filesystem, sorted by start. */
export function claimsOf(filesystem: XfsFilesystem, immovable: Immovable): OwnedRun[] {
  const claims = filesystem.geometry.rmapbt ? fromReverseMap(filesystem, immovable) : fromInodes(filesystem, immovable)
  return claims.sort((a, b) => a.start - b.start)
}

function fromReverseMap(filesystem: XfsFilesystem, immovable: Immovable): OwnedRun[] {
  const { blockSize } = filesystem.geometry
  const inodes = new Map<number, XfsInode | undefined>()
  const inodeOf = (number: number): XfsInode | undefined => {
    if (!inodes.has(number)) inodes.set(number, xfsInode(filesystem.root, number))
    return inodes.get(number)
  }
  return withoutSharing(xfsSpaceMap(filesystem.root)).flatMap(
    ({ physical, length, inode: number, offset, unwritten }) => {
      const inode = inodeOf(number)
      const kind = inode && kindOf(inode)
      return kind === undefined
        ? []
        : [claimOf(inode!, kind, physical / blockSize, length / blockSize, offset / blockSize, unwritten, immovable)]
    },
  )
}

/** The data of files; blocks with several owners are left out. */
function withoutSharing(map: readonly XfsSpace[]): XfsSpace[] {
  const data: XfsSpace[] = []
  let covered = 0
  for (const run of map) {
    const last = data.at(-1)
    if (last && run.physical < last.physical + last.length) data.pop()
    if (run.owner === 'file' && run.holds === 'data' && run.physical >= covered) data.push(run)
    covered = Math.max(covered, run.physical + run.length)
  }
  return data
}

function fromInodes(filesystem: XfsFilesystem, immovable: Immovable): OwnedRun[] {
  const { blockSize } = filesystem.geometry
  const claims: OwnedRun[] = []
  for (let from = 1; ;) {
    const inodes = xfsBulkstat(filesystem.root, from, batch)
    if (inodes.length === 0) return claims
    from = inodes.at(-1)!.inode + 1
    for (const inode of inodes) {
      const kind = kindOf(inode)
      if (kind === undefined || (inode.extents === 0 && inode.blocks === 0)) continue
      for (const { logical, physical, length, unwritten, shared } of extentsOf(filesystem, inode)) {
        if (!shared)
          claims.push(
            claimOf(inode, kind, physical / blockSize, length / blockSize, logical / blockSize, unwritten, immovable),
          )
      }
    }
  }
}

const kindOf = ({ mode }: XfsInode): 'data' | 'directory' | undefined =>
  (mode & typeMask) === regular ? 'data' : (mode & typeMask) === directory ? 'directory' : undefined

function claimOf(
  inode: XfsInode,
  kind: 'data' | 'directory',
  start: number,
  length: number,
  logical: number,
  unwritten: boolean,
  immovable: Immovable,
): OwnedRun {
  const reason = kind === 'directory' ? 'no-call' : immovable(inode)
  return {
    start: fsBlock(start),
    length: blockRun(start, length).length,
    kind,
    inode: inode.inode,
    logical: fileBlock(logical),
    unwritten,
    ...(reason && { immovable: reason }),
  }
}

/** Extents of a file or directory by the kernel's own map; none when it is gone. */
export function extentsOf(filesystem: XfsFilesystem, inode: XfsInode): ReturnType<typeof xfsExtents> {
  let fd: number
  try {
    fd = filesystem.openInode(inode, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOATIME)
  } catch (error) {
    if (failedWith(error, 'ESTALE', 'ENOENT', 'EINVAL')) return []
    throw error
  }
  try {
    return xfsExtents(fd)
  } finally {
    closeSync(fd)
  }
}
