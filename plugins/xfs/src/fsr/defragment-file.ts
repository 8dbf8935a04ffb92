/**
 * One file's turn, from the first check to the layout read back. Nothing of the target
 * is touched before the swap, and the swap is one transaction: killed at any moment, the
 * file has its old blocks or its new ones, with the same contents.
 *
 * The order of the reads matters. First the stat that the kernel will compare with, then
 * the flush, then the layout, then the contents: whatever comes in between changes the
 * times and ends the turn.
 */
import { closeSync, constants } from 'node:fs'
import { BootpackError } from 'bootpack'
import { failedWith } from 'bootpack/kernel'
import { xfsInode, type XfsInode } from '../kernel/bulkstat.js'
import type { FileAttributes } from '../kernel/fsxattr.js'
import { xfsExtents, type XfsExtent } from '../kernel/getbmapx.js'
import type { GroupDirectories } from '../filesystem/group-directories.js'
import type { XfsFilesystem } from '../filesystem/xfs-filesystem.js'
import { checkFile } from './check-file.js'
import { countExtents, distanceFrom, fewestExtents, withinSize } from './layout.js'
import type { MappedFiles } from './mapped-files.js'
import { Leave, type FileOutcome } from './outcome.js'
import { rememberTarget, swapContents } from './swap.js'
import { TemporaryCopy } from './temporary-copy.js'

export interface Workshop {
  readonly filesystem: XfsFilesystem
  readonly directories: GroupDirectories
  readonly mapped: MappedFiles
  /** Look and decide, change nothing. */
  readonly dryRun: boolean
  /** Move files to the allocation group of this block and as near to it as the kernel puts them. */
  readonly near?: number
  /** Told in full sentences what happens, for --debug. */
  readonly onDetail?: (text: string) => void
}

type Told = Omit<FileOutcome, 'inode' | 'status' | 'path'>

/** Never throws because of the file: the outcome says what was wrong. */
export function defragmentFile(workshop: Workshop, inode: number, path?: string): FileOutcome {
  const name = { inode, ...(path !== undefined && { path }) }
  const told: Told[] = []
  try {
    const status = attempt(workshop, inode, (more) => told.push(more))
    return Object.assign({ ...name, status }, ...told) as FileOutcome
  } catch (error) {
    const so = Object.assign({}, ...told) as Told
    if (error instanceof Leave) return { ...name, ...so, status: error.status, code: error.code, reason: error.reason }
    if (error instanceof BootpackError) {
      if (failedWith(error, 'ESTALE', 'ENOENT'))
        return { ...name, status: 'skipped', code: 'gone', reason: 'was deleted meanwhile' }
      if (failedWith(error, 'ETXTBSY'))
        return {
          ...name,
          ...so,
          status: 'skipped',
          code: 'executing',
          reason: 'file busy: it is being executed or used for swap',
        }
      return {
        ...name,
        ...so,
        status: 'failed',
        code: error.family === 'no-space' ? 'no-room' : 'error',
        reason: error.message,
      }
    }
    if (error instanceof Error && 'code' in error)
      return {
        ...name,
        ...so,
        status: 'failed',
        code: error.code === 'ENOSPC' ? 'no-room' : 'error',
        reason: error.message,
      }
    throw error
  }
}

function attempt(
  workshop: Workshop,
  number: number,
  tell: (more: Told) => void,
): 'improved' | 'unchanged' | 'would-try' {
  const { filesystem } = workshop
  let inode = inodeNow(filesystem, number)
  // Immutable and append-only files cannot be opened for writing, so the checks read.
  const reader = filesystem.openInode(inode, constants.O_RDONLY | constants.O_NONBLOCK)
  let attributes: FileAttributes
  try {
    // Looking at the extents writes dirty pages; until then the kernel tells an old size.
    xfsExtents(reader)
    inode = inodeNow(filesystem, number)
    attributes = checkFile(filesystem, reader, inode)
    checkLayout(workshop, look(filesystem, reader, inode), inode, tell)
  } finally {
    closeSync(reader)
  }
  if (workshop.dryRun) return 'would-try'
  const target = filesystem.openInode(inode, constants.O_RDWR | constants.O_DIRECT)
  try {
    return carryOut(workshop, target, inode, attributes, tell)
  } finally {
    closeSync(target)
  }
}

function carryOut(
  workshop: Workshop,
  target: number,
  seen: XfsInode,
  attributes: FileAttributes,
  tell: (more: Told) => void,
): 'improved' | 'unchanged' {
  const { filesystem, directories, near, onDetail } = workshop
  const { blockSize } = filesystem.geometry
  const before = rememberTarget(filesystem, target, seen.inode)
  const layout = look(filesystem, target, before.inode)
  const { count, best } = checkLayout(workshop, layout, before.inode, tell)
  const group = near === undefined ? filesystem.groupOfInode(seen.inode) : filesystem.groupOfBlock(near)
  const copy = TemporaryCopy.create(filesystem, directories, group, before.inode, attributes)
  try {
    copy.reserve(layout)
    const reserved = withinSize(copy.extents(), before.inode.size, blockSize)
    // Reserved blocks are all unwritten yet; once written they part where the target's do.
    const will = expectedCount(reserved, layout)
    onDetail?.(
      `inode ${seen.inode}: ${will} extents in inode ${copy.inode} of group ${filesystem.groupOfInode(copy.inode)}, ${count} now, ${best} at best`,
    )
    const distance =
      near === undefined
        ? undefined
        : { before: distanceFrom(near, layout, blockSize), after: distanceFrom(near, reserved, blockSize) }
    const better = distance ? will <= count && (distance.after < distance.before || will < count) : will < count
    if (!better) {
      tell({
        code: 'no-improvement',
        reason: distance
          ? `no place nearer than ${distance.before} blocks was to be had (${distance.after} offered)`
          : `no better place was to be had (${will} extents offered)`,
        after: count,
      })
      return 'unchanged'
    }
    copy.fill(target, before.inode, layout)
    refuseMapped(workshop, seen.inode, 500)
    swapContents(target, copy.fd, before)
    const after = look(filesystem, target, before.inode)
    tell({
      after: countExtents(after),
      ...(distance && { distance: { before: distance.before, after: distanceFrom(near!, after, blockSize) } }),
    })
    return 'improved'
  } finally {
    copy.close()
  }
}

function inodeNow({ root }: XfsFilesystem, number: number): XfsInode {
  const inode = xfsInode(root, number)
  if (!inode) throw new Leave('skipped', 'gone', 'was deleted meanwhile')
  return inode
}

const look = (filesystem: XfsFilesystem, fd: number, { size }: XfsInode): XfsExtent[] =>
  withinSize(xfsExtents(fd), size, filesystem.geometry.blockSize)

function checkLayout(
  workshop: Workshop,
  layout: readonly XfsExtent[],
  { inode }: XfsInode,
  tell: (more: Told) => void,
): { count: number; best: number } {
  const count = countExtents(layout)
  const best = fewestExtents(layout, workshop.filesystem.geometry.blockSize)
  tell({ before: count, best })
  if (layout.length === 0) throw new Leave('unchanged', 'already-best', 'has no blocks')
  if (workshop.near === undefined && (count === 1 || count <= best))
    throw new Leave('unchanged', 'already-best', 'already fully defragmented')
  if (layout.some(({ shared }) => shared))
    throw new Leave('skipped', 'shared', 'shares blocks with another file, and a copy would part them')
  refuseMapped(workshop, inode, 1000)
  return { count, best }
}

function refuseMapped({ mapped }: Workshop, inode: number, age: number): void {
  const holder = mapped.holder(inode, age)
  if (holder !== undefined)
    throw new Leave('skipped', 'mapped', `file busy: mapped into the memory of process ${holder}`)
}

/** How many extents the reserved blocks will be when they are written as the target is. */
function expectedCount(reserved: readonly XfsExtent[], layout: readonly XfsExtent[]): number {
  const cuts = new Set<number>()
  layout.forEach((each, i) => {
    const last = layout[i - 1]
    if (last && last.logical + last.length === each.logical && last.unwritten !== each.unwritten) cuts.add(each.logical)
  })
  let count = countExtents(reserved)
  for (const cut of cuts) {
    // A cut inside one of the extents parts it; one at a border already counts.
    if (reserved.some(({ logical, length }) => logical < cut && cut < logical + length)) count++
  }
  return count
}
