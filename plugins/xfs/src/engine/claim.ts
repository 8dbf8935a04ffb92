/**
 * Getting exact blocks out of an allocator that takes no orders.
 *
 * XFS chooses by itself where a reservation goes: near the inode, and best where a free
 * run fits. Three things it does keep make exact blocks possible all the same:
 * - a reservation of exactly the length of a free run tends to take that run whole;
 * - what a nameless file holds can be cut away at both ends (punching), leaving exactly
 *   the blocks that were wanted;
 * - ranges of holes can be collapsed, which moves blocks within the file and not on the
 *   disk, so that they come to the place in the file where they are needed.
 *
 * So to claim [to, to + n): find the free run around it, reserve its whole length, look
 * where that went. In the right run: cut. Anywhere else: the allocator liked another run
 * better, so that one is held (as ballast) until the round is over, and the next try
 * cannot fall into it again. Each try removes a competitor, and there are finitely many;
 * the tries and the space held at a time are bounded nevertheless.
 *
 * What is held is free space in a file without a name: killed, the kernel gives it back.
 */
import { closeSync, ftruncateSync } from 'node:fs'
import { intersectRuns, type BlockRun } from 'bootpack/engine'
import { errnoNumber, tryFallocate, fallocate } from 'bootpack/kernel'
import { xfsExtents, type XfsExtent } from '../kernel/getbmapx.js'
import type { GroupDirectories } from '../filesystem/group-directories.js'
import type { XfsFilesystem } from '../filesystem/xfs-filesystem.js'

/** Each try gets a terabyte of file positions of its own. */
const zone = 2 ** 40
const mostZones = 4096
const mostTries = 48
/** Of the free space, this share is never held, so that others can write meanwhile. */
const leftForOthers = 1 / 16

export type ClaimResult =
  { readonly claimed: true; readonly at: number } | { readonly claimed: false; readonly why: string }

/** A nameless file that collects claimed runs, each in a zone of its own. */
export class Collector {
  zones = 0

  readonly fd: number

  constructor(fd: number) {
    this.fd = fd
  }

  /** Bytes into the file. */
  nextZone(): number {
    return this.zones++ * zone
  }
}

export class Claimer {
  private readonly ballast: number[] = []

  private readonly filesystem: XfsFilesystem
  private readonly directories: GroupDirectories

  constructor(filesystem: XfsFilesystem, directories: GroupDirectories) {
    this.filesystem = filesystem
    this.directories = directories
  }

  /**
   * @param run    free blocks of one allocation group

   */
  claim(into: Collector, run: BlockRun): ClaimResult {
    let nearest: number | undefined
    for (let tries = 0; tries < mostTries && into.zones < mostZones; tries++) {
      const free = this.freeAround(run)
      if (!free) return { claimed: false, why: `its target is not free` }
      if (!this.leavesRoom(free.length))
        return { claimed: false, why: offered(nearest, run) ?? 'too little free space to choose from' }
      const at = into.nextZone()
      const { blockSize } = this.filesystem.geometry
      const errno = tryFallocate(into.fd, 'allocate', at, free.length * blockSize)
      if (errno === errnoNumber.ENOSPC)
        return { claimed: false, why: offered(nearest, run) ?? 'too little free space to choose from' }
      if (errno !== 0) fallocate(into.fd, 'allocate', at, free.length * blockSize)
      const got = xfsExtents(into.fd).filter(({ logical }) => logical >= at)
      const hit = got.find(
        ({ physical, length }) =>
          physical <= run.start * blockSize && physical + length >= (run.start + run.length) * blockSize,
      )
      if (hit) return { claimed: true, at: this.cut(into, got, hit, run) }
      for (const { physical, length } of got) {
        const distance = distanceOf(physical / blockSize, length / blockSize, run)
        if (nearest === undefined || distance < nearest) nearest = distance
      }
      this.keepAway(into, at, free.length)
    }
    return { claimed: false, why: offered(nearest, run) ?? 'the kernel offered other blocks' }
  }

  /** Gives back what was held. */
  release(): void {
    for (const fd of this.ballast.splice(0)) {
      try {
        ftruncateSync(fd, 0)
      } finally {
        closeSync(fd)
      }
    }
  }

  /** The free run that holds all of `run`, looking through our own ballast. */
  private freeAround(run: BlockRun): BlockRun | undefined {
    const look = (): BlockRun | undefined =>
      this.filesystem.freeRuns(run).find((free) => intersectRuns(free, run)?.length === run.length)
    const found = look()
    if (found || this.ballast.length === 0) return found
    this.release()
    this.filesystem.sync()
    return look()
  }

  private leavesRoom(blocks: number): boolean {
    const free = this.filesystem.freeBytes()
    return free - blocks * this.filesystem.geometry.blockSize > free * leftForOthers
  }

  /** @returns where the run begins in the file, in bytes */
  private cut(into: Collector, got: readonly XfsExtent[], hit: XfsExtent, run: BlockRun): number {
    const { blockSize } = this.filesystem.geometry
    const at = hit.logical + run.start * blockSize - hit.physical
    const end = at + run.length * blockSize
    for (const { logical, length } of got) {
      const before = Math.min(logical + length, at) - logical
      if (before > 0) fallocate(into.fd, 'punchHole', logical, before)
      const from = Math.max(logical, end)
      if (logical + length > from) fallocate(into.fd, 'punchHole', from, logical + length - from)
    }
    return at
  }

  /** Lets go of a miss, and has another file hold what the allocator would choose again. */
  private keepAway(into: Collector, at: number, length: number): void {
    const { blockSize, groupBlocks } = this.filesystem.geometry
    const first = xfsExtents(into.fd).find(({ logical }) => logical >= at)
    const fd = this.directories.temporaryFile(first ? Math.floor(first.physical / blockSize / groupBlocks) : 0)
    this.ballast.push(fd)
    fallocate(into.fd, 'punchHole', at, length * blockSize)
    this.filesystem.sync()
    // It need not be the same run: whatever it is, the next try cannot fall into it.
    tryFallocate(fd, 'allocate', 0, length * blockSize)
  }
}

const distanceOf = (start: number, length: number, run: BlockRun): number =>
  start + length <= run.start ? run.start - (start + length) + 1 : start > run.start ? start - run.start : 0

const offered = (nearest: number | undefined, run: BlockRun): string | undefined =>
  nearest === undefined
    ? undefined
    : `the nearest the kernel offered lies ${nearest} blocks from its target ${run.start}`
