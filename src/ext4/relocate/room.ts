import { nextOne, nextZero } from '../../bytes/bitset.js'
import { fsBlock, type FsBlock } from '../../layout/block.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import type { Filesystem } from '../read/filesystem.js'
import { groupLength, groupOfInode, groupStart } from '../format/group-layout.js'

/**
 * Free blocks for extent trees that grow: as near the inode as there are any, and
 * none that the plan or the round has other designs on. What was freed in the round
 * counts as taken until the next.
 */
export class TreeRoom {
  /** Made when it is first needed: few trees grow. */
  private made: RunSet | undefined
  private readonly waiting: BlockRun[] = []

  private readonly filesystem: Filesystem
  private readonly reserved: Iterable<BlockRun> | (() => Iterable<BlockRun>)

  /** @param reserved every block that must be left alone; asked for when a tree first grows */
  constructor(filesystem: Filesystem, reserved: Iterable<BlockRun> | (() => Iterable<BlockRun>)) {
    this.filesystem = filesystem
    this.reserved = reserved
  }

  /** Keeps a block out of what is given away from now on. */
  exclude(block: FsBlock): void {
    if (this.made) this.made.add(blockRun(block, 1))
    else this.waiting.push(blockRun(block, 1))
  }

  /** Takes back what {@link take} gave and nobody used. */
  giveBack(blocks: readonly FsBlock[]): void {
    for (const block of blocks) this.spokenFor.remove(blockRun(block, 1))
  }

  private get spokenFor(): RunSet {
    const { reserved } = this
    this.made ??= RunSet.of([...(typeof reserved === 'function' ? reserved() : reserved), ...this.waiting])
    return this.made
  }

  /** @returns undefined when there are not enough */
  async take(count: number, inode: number): Promise<FsBlock[] | undefined> {
    const found: FsBlock[] = []
    for (const group of this.outward(groupOfInode(this.filesystem.superblock, inode))) {
      if (this.filesystem.groups.get(group).freeBlocks === 0) continue
      await this.search(group, count, found)
      if (found.length === count) {
        for (const block of found) this.exclude(block)
        return found
      }
    }
    return undefined
  }

  private async search(group: number, count: number, found: FsBlock[]): Promise<void> {
    const { superblock } = this.filesystem
    const bits = await this.filesystem.blockBitmap(group)
    const start = groupStart(superblock, group)
    const length = groupLength(superblock, group)
    for (let at = nextZero(bits, 0, length); at < length;) {
      const end = nextOne(bits, at, length)
      for (const run of this.spokenFor.missingFrom(blockRun(start + at, end - at))) {
        for (let block: number = run.start; block < run.start + run.length; block++) {
          if (found.length === count) return
          found.push(fsBlock(block))
        }
      }
      at = nextZero(bits, end, length)
    }
  }

  /** All groups, the nearest first, the later of two equally near ones first. */
  private *outward(group: number): Generator<number> {
    const { groupCount } = this.filesystem.superblock
    yield group
    for (let away = 1; away < groupCount; away++) {
      if (group + away < groupCount) yield group + away
      if (group - away >= 0) yield group - away
    }
  }
}
