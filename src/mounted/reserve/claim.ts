/**
 * Getting hold of exactly the blocks one wants.
 *
 * The kernel offers no call for that. What it has is a goal: block L of a file is
 * looked for near P + (L - A) if the file's block A lies at P. With the settings of
 * allocator-settings.ts the search begins in the goal's group and stays there as
 * long as the request is no longer than the average free run of that group; where
 * in the group is the kernel's business. So a group is *drained*: requests of at
 * most the average length are made until everything wanted in it is held, and what
 * came along unwanted is given back. Each request takes something from the group,
 * so this ends; and nothing depends on which run the kernel prefers, only on the
 * group, which is read back after each request.
 *
 * A group is 128 MiB with 4 KiB blocks, and draining it holds at most its free
 * space, for some tenths of a second; some room is always left for others.
 */
import { errnoNumber, failedWith, kernelError } from '../../kernel/errno.js'
import { tryFallocate } from '../../kernel/fallocate.js'
import { filesystemSpace } from '../../kernel/statfs.js'
import { syncFilesystem } from '../../kernel/syncfs.js'
import { intersectRuns, type BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import type { Geometry } from '../../volume/volume.js'
import type { AllocatorSettings } from '../settings/allocator-settings.js'
import { anchorBlock, pointAt } from './anchor.js'
import { heldBy, inodeExtents, type Arena, type Held } from './donor-file.js'
import type { Holdings } from './reservation.js'
import { freeSpace, groupRun } from '../view/space-map.js'

export interface ClaimContext {
  /** Descriptor of the root directory. */
  readonly root: number
  readonly geometry: Geometry
  readonly holdings: Holdings
  readonly settings: AllocatorSettings
}

/** fallocate rounds and prefers on its own above this many blocks. */
const longestRequest = 32_767
/** Requests in a row that took nothing wanted, before larger ones are made. */
const patience = 4
/** Bytes. */
const roomForOthers = 64 << 20
/**
 * Requests that landed in other groups, before the group is given up. The kernel
 * first serves small requests from chunks it keeps back for small files, wherever
 * those are; there are at most some dozens of 512 blocks.
 */
const mostStrays = 2000

/**
 * Holds as much of `wanted` as can be had. What was freed since the last commit
 * cannot: syncfs before.
 * @returns what could not: in use by others, or not reachable
 * @throws KernelError; ENOSPC only gives up
 */
export const claimBlocks = (context: ClaimContext, wanted: RunSet): RunSet => claimSome(context, wanted).missing

export interface Claimed {
  /** In use by others, or not reachable. */
  readonly missing: RunSet
  /** There were not descriptors enough to hold it all at once. */
  readonly crowded: boolean
}

/** The same for those who can do it in parts. */
export function claimSome(context: ClaimContext, wanted: RunSet): Claimed {
  const { holdings, settings } = context
  let crowded = false
  const already = holdings.blocks()
  const missing = new RunSet()
  for (const run of wanted) for (const part of already.missingFrom(run)) missing.add(part)
  if (missing.size === 0) return { missing, crowded }
  const drains = groupsOf(missing, context.geometry)
    .map((group) => new Drain(context, group, missing))
    .filter((drain) => drain.look())
  if (drains.length === 0) return { missing, crowded }
  const keep = RunSet.of([...wanted, ...already])
  const { available } = filesystemSpace(context.root)
  let uncommitted = 0
  settings.change()
  try {
    for (const drain of drains) {
      if (drain.run() === errnoNumber.EMFILE) crowded = true
      holdings.release(keep, true)
      // What was given back is nobody's before the next commit: not too much of that.
      uncommitted += drain.junk
      if (uncommitted <= available / 4) continue
      syncFilesystem(context.root)
      uncommitted = 0
    }
  } finally {
    settings.restore()
    if (uncommitted > 0) syncFilesystem(context.root)
    holdings.release(keep)
  }
  return { missing, crowded }
}

/** The groups that have some of the blocks, in order. */
function groupsOf(blocks: RunSet, geometry: Geometry): BlockRun[] {
  const groups: BlockRun[] = []
  for (const run of blocks) {
    for (let at: number = run.start; at < run.start + run.length;) {
      const group = groupRun(geometry, at)
      if (groups.at(-1)?.start !== group.start) groups.push(group)
      at = group.start + group.length
    }
  }
  return groups
}

class Drain {
  private free = new RunSet()
  private arena: Arena | undefined
  /** Next block of the arena to be asked for, and how many extents it has. */
  private logical = 0
  private extents = 0
  private strays = 0
  /** Whether the last request landed in another group. */
  private astray = false
  private unlucky = 0
  /** Unwanted blocks held meanwhile, and how many may be, so that others still find room. */
  junk = 0
  private mostJunk = 0

  private readonly context: ClaimContext
  private readonly group: BlockRun
  private readonly missing: RunSet

  /** @param missing what is wanted; what is got is taken out of it */
  constructor(context: ClaimContext, group: BlockRun, missing: RunSet) {
    this.context = context
    this.group = group
    this.missing = missing
  }

  /** @returns 0, or the errno that ended it */
  run(): number {
    if (!this.look()) return 0
    for (let length = this.nextLength(); length > 0; length = this.nextLength()) {
      const errno = this.request(length)
      if (errno === errnoNumber.ENOSPC || errno === errnoNumber.EMFILE || errno === errnoNumber.EDQUOT) return errno
      if (errno !== 0) throw kernelError({ call: 'fallocate' }, errno)
      if (this.strays > mostStrays) break
    }
    return 0
  }

  /** Reads the free-space map of the group; false when nothing wanted is free there. */
  look(): boolean {
    const { root, geometry } = this.context
    this.free = freeSpace(root, geometry.blockSize, this.group)
    const { available } = filesystemSpace(root)
    const left = available - this.missing.blocks
    this.mostJunk =
      this.junk + Math.max(0, left - Math.min(Math.ceil(left / 16), Math.ceil(roomForOthers / geometry.blockSize)))
    return this.firstWanted() !== undefined
  }

  private firstWanted(): { hole: BlockRun; end: number } | undefined {
    for (const run of this.missing.within(this.group)) {
      for (const part of this.free.within(run)) {
        const hole = this.free.at(this.free.firstEndingAfter(part.start))
        return { hole, end: part.start + part.length }
      }
    }
    return undefined
  }

  /** How many blocks to ask for; 0 when there is nothing left to do here. */
  private nextLength(): number {
    const wanted = this.firstWanted()
    if (!wanted) return 0
    const average = Math.max(1, Math.floor(this.free.blocks / this.free.size))
    const exact = wanted.end - wanted.hole.start
    // Astray, the length that uses up soonest what the kernel keeps back.
    const length = Math.min(this.unlucky > patience || this.astray ? average : exact, average, longestRequest)
    const room = this.mostJunk - this.junk + this.missing.blocks
    return Math.min(length, Math.max(0, room))
  }

  /** Asks for blocks and sorts what came. @returns errno */
  private request(length: number): number {
    const { holdings, geometry } = this.context
    const { blockSize } = geometry
    if (!this.arena || this.extents >= inodeExtents || this.logical === anchorBlock) {
      try {
        if (!this.openArena()) return errnoNumber.ENOSPC
      } catch (error) {
        if (failedWith(error, 'EMFILE', 'ENFILE')) return errnoNumber.EMFILE
        if (failedWith(error, 'ENOSPC', 'EDQUOT')) return errnoNumber.ENOSPC
        throw error
      }
    }
    const from = this.logical
    // What lies before the anchor must not run into it.
    const asked = from < anchorBlock ? Math.min(length, anchorBlock - from) : length
    const errno = tryFallocate(this.arena!.fd, 'allocate', from * blockSize, asked * blockSize)
    this.logical += asked
    this.astray = false
    let got = false
    for (const piece of heldBy(this.arena!, from, asked, blockSize)) {
      holdings.add(piece)
      this.extents++
      got = this.sort(piece) || got
    }
    this.unlucky = got ? 0 : this.unlucky + 1
    return errno
  }

  /** Takes a piece out of what is free and what is missing. @returns whether anything of it was wanted */
  private sort(piece: Held): boolean {
    const inside = intersectRuns(piece, this.group)
    if (!inside || inside.length < piece.length) {
      this.strays++
      this.astray = true
      // The next goal would follow it out of the group.
      this.extents = inodeExtents
    }
    // A block we do not think free: somebody freed it, and we know the group less well than we thought.
    if (inside && !this.free.contains(inside)) this.look()
    this.free.remove(piece)
    const wanted = [...this.missing.within(piece)].reduce((sum, part) => sum + part.length, 0)
    this.missing.remove(piece)
    this.junk += piece.length - wanted
    return wanted > 0
  }

  /** A fresh arena whose next block has its goal in the group; false when the group is out of reach. */
  private openArena(): boolean {
    const pointed = pointAt(this.group, this.context.holdings)
    for (const piece of pointed?.taken ?? []) {
      this.free.remove(piece)
      this.missing.remove(piece)
    }
    if (!pointed) return false
    this.arena = pointed.arena
    this.logical = pointed.logical
    this.extents = 1
    this.junk += pointed.taken.length
    return true
  }
}
