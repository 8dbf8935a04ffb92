/**
 * Every block that any inode claims, as bits, to find before the first write what
 * makes writing dangerous: a block with two owners, and an owned block that the
 * bitmap calls free, which a move would take as its target.
 *
 * Bits are held per group and only for groups with claims: 4 KiB for each 128 MiB
 * in use.
 */
import { nextOne, oneRuns, setRange } from '../../bytes/bitset.js'
import { blockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import type { Filesystem } from '../read/filesystem.js'
import { overlapping } from '../read/fixed-runs.js'
import { groupLength, groupOfBlock, groupStart } from '../format/group-layout.js'
import type { Superblock } from '../format/superblock.js'

export interface Suspects {
  /** Blocks with more than one owner. */
  readonly doublyClaimed: RunSet
  /** Blocks with an owner that are marked free. */
  readonly markedFree: RunSet
}

export class ClaimMap {
  private readonly groups = new Map<number, Uint8Array>()
  /** Attribute blocks met before: many inodes may share one. */
  private readonly shared = new Map<number, Uint8Array>()
  private readonly doublyClaimed = new RunSet()

  private readonly superblock: Superblock

  constructor(superblock: Superblock) {
    this.superblock = superblock
  }

  claim(start: number, length: number): void {
    this.eachGroup(start, length, (group, from, to) => {
      const bits = bitsOf(this.groups, group, this.superblock)
      this.note(bits, group, from, to)
      setRange(bits, from, to)
    })
  }

  /** An attribute block: all inodes that refer to it count as one owner. */
  claimShared(block: number): void {
    this.eachGroup(block, 1, (group, from, to) => {
      const seen = bitsOf(this.shared, group, this.superblock)
      if (nextOne(seen, from, to) < to) return
      setRange(seen, from, to)
      this.claim(block, 1)
    })
  }

  /** Lays the claims over fixed metadata and bitmaps; the filesystem has not changed since they were collected. */
  async suspects(filesystem: Filesystem): Promise<Suspects> {
    const markedFree = new RunSet()
    const numbers = [...this.groups.keys()].sort((a, b) => a - b)
    for (const [index, group] of numbers.entries()) {
      if (index % 128 === 0)
        await filesystem.prefetchBlockBitmaps(group, Math.min(group + 128, this.superblock.groupCount))
      const start = groupStart(this.superblock, group)
      const length = groupLength(this.superblock, group)
      const claimed = this.groups.get(group)!
      const used = await filesystem.blockBitmap(group)
      for (let byte = 0; byte < claimed.length; byte++) used[byte] = claimed[byte]! & ~used[byte]!
      for (const [bit, count] of oneRuns(used, 0, length)) markedFree.add(blockRun(start + bit, count))
      for (const fixed of overlapping(filesystem.fixedRuns(), blockRun(start, length))) {
        this.note(
          claimed,
          group,
          Math.max(0, fixed.start - start),
          Math.min(length, fixed.start + fixed.length - start),
        )
      }
    }
    return { doublyClaimed: this.doublyClaimed, markedFree }
  }

  private note(bits: Uint8Array, group: number, from: number, to: number): void {
    for (const [bit, count] of oneRuns(bits, from, to))
      this.doublyClaimed.add(blockRun(groupStart(this.superblock, group) + bit, count))
  }

  private eachGroup(start: number, length: number, visit: (group: number, from: number, to: number) => void): void {
    for (let at = start; at < start + length;) {
      const group = groupOfBlock(this.superblock, at)
      const base = groupStart(this.superblock, group)
      const to = Math.min(base + this.superblock.blocksPerGroup, start + length)
      visit(group, at - base, to - base)
      at = to
    }
  }
}

function bitsOf(groups: Map<number, Uint8Array>, group: number, { blocksPerGroup }: Superblock): Uint8Array {
  let bits = groups.get(group)
  if (!bits) groups.set(group, (bits = new Uint8Array(blocksPerGroup / 8)))
  return bits
}
