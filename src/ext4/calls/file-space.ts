/**
 * Space changing hands between files of an image: free blocks given to a file, and one
 * file's blocks put in place of another's with the data copied onto them.
 *
 * The invariant is that of relocate.ts: contents are copied to blocks whose own
 * contents nobody needs any more, made durable, and only then does one transaction
 * change both files, the bitmaps and the counts. What a file gives up can be read
 * through no other file: blocks that are about to receive a copy are first made to read
 * as zeros where they are, in a transaction before.
 */
import { BootpackError, noSpace, refused, unsupported, usageError } from '../../errors.js'
import { extent, mergeExtents, type Extent } from '../../layout/extent.js'
import type { FileBlock, FsBlock } from '../../layout/block.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import type { Filesystem } from '../read/filesystem.js'
import { ImmovableFiles } from '../ownership/immovable.js'
import { inodeFlag } from '../format/inode.js'
import { Batch } from '../relocate/batch.js'
import type { CopyPiece } from '../relocate/copy.js'
import type { InodeRelocation } from '../relocate/inode.js'
import { overlapping, readInodeState, type InodeState } from '../relocate/place.js'
import { TreeRoom } from '../relocate/room.js'
import { remapInode } from '../relocate/mapping-change.js'
import { findSuspects } from '../ownership/preflight.js'
import type { Suspects } from '../ownership/claim-map.js'
import type { Committer } from '../commit/committer.js'

/** Bytes that change hands in one step. */
const stepBytes = 64 << 20

export class FileSpace {
  private readonly immovable: ImmovableFiles
  private doubtful: Promise<Suspects> | undefined

  readonly filesystem: Filesystem
  private readonly committer: Committer

  /** @param committer closed between calls by {@link settle} */
  constructor(filesystem: Filesystem, committer: Committer) {
    this.filesystem = filesystem
    this.committer = committer
    this.immovable = new ImmovableFiles(filesystem)
  }

  /** Blocks with two owners, and blocks in use that are marked free. Looked for once: it takes a scan of all inodes. */
  suspects(): Promise<Suspects> {
    this.doubtful ??= findSuspects(this.filesystem, undefined)
    return this.doubtful
  }

  /**
   * A file that may change.
   * @throws ENOENT, EPERM, EBUSY, EOPNOTSUPP, each with its reason; corrupt
   */
  async changeable(number: number): Promise<InodeState> {
    const state = await readInodeState(this.filesystem, number)
    if (!state) throw usageError('ENOENT', `There is no inode ${number}.`)
    const { inode, map } = state
    const reason = await this.immovable.reason(inode)
    switch (reason) {
      case undefined:
        break
      case 'inline-data':
        throw unsupported('EOPNOTSUPP', `Inode ${number} is kept inside its inode; it has no blocks.`)
      case 'boot-loader':
      case 'swap-file':
        throw refused(
          'EBUSY',
          `Inode ${number} belongs to ${reason === 'swap-file' ? 'the swap space' : 'a boot loader'}, which finds it by block number.`,
          'Leave it where it is.',
        )
      default:
        throw refused('EPERM', `Inode ${number} must stay as it is (${reason}).`, 'Leave it where it is.')
    }
    if (map.kind === 'none') throw unsupported('EOPNOTSUPP', `Inode ${number} has no blocks of its own.`)
    if (inode.flags & (inodeFlag.immutable | inodeFlag.appendOnly | inodeFlag.verity)) {
      throw refused(
        'EPERM',
        `Inode ${number} is marked ${inode.flags & inodeFlag.immutable ? 'immutable' : inode.flags & inodeFlag.appendOnly ? 'append-only' : 'verity'}.`,
        'Take the mark away if it may change.',
      )
    }
    const { doublyClaimed, markedFree } = await this.suspects()
    const data = map.extents.map(({ physical, length }) => blockRun(physical, length))
    for (const run of [...data, ...map.treeBlocks.map((block) => blockRun(block, 1))]) {
      if (doublyClaimed.intersects(run) || markedFree.intersects(run)) {
        throw refused('EBUSY', `Inode ${number} has blocks whose owner is in doubt.`, 'Run e2fsck on the image first.')
      }
    }
    return state
  }

  /**
   * Gives free blocks to a file, unwritten or full of zeros, one run behind the other from `logical` on,
   * where it has none. The size becomes their end if that is behind it.
   */
  async add(number: number, logical: FileBlock, runs: readonly BlockRun[]): Promise<void> {
    const { filesystem } = this
    const state = await this.changeable(number)
    const added: Extent[] = []
    let at: number = logical
    for (const { start, length } of runs) {
      added.push(extent(at, start, length, state.map.kind === 'extents'))
      at += length
    }
    const room = new TreeRoom(filesystem, [...(await this.suspects()).markedFree, ...runs])
    const size = Math.max(state.inode.size, at * filesystem.blockSize)
    const change = await remapInode(filesystem, state, sorted([...state.map.extents, ...added]), room, size)
    const batch = new Batch(filesystem, this.committer)
    const zeroes = state.map.kind === 'indirect' ? runs : []
    if (!batch.add({ ...change, zeroes, take: [...runs, ...change.take] })) throw journalTooSmall()
    await batch.carryOut(() => {})
  }

  /**
   * Puts the blocks that `space` has in [logical, logical + length) in place of those of
   * `data`. See src/blocks/movedata.ts for what becomes of blocks and holes.
   * @param holes  what a hole in `space` does
   * @param signal looked at between steps
   */
  async splice(
    data: number,
    space: number,
    logical: FileBlock,
    length: number,
    { holes = 'make', signal }: { readonly holes?: 'make' | 'leave'; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const longest = Math.max(1, Math.floor(stepBytes / this.filesystem.blockSize))
    let step = longest
    for (let done = 0; done < length;) {
      if (signal?.aborted) throw new BootpackError('interrupted', 'EINTR', `Stopped after ${done} of ${length} blocks.`)
      const count = Math.min(step, length - done)
      if (await this.spliceStep(data, space, logical + done, count, holes)) {
        done += count
        step = longest
      } else {
        if (count === 1) throw journalTooSmall()
        step = Math.ceil(count / 2)
      }
    }
  }

  /** @returns false when the journal is too small for so much at once */
  private async spliceStep(
    dataNumber: number,
    spaceNumber: number,
    logical: number,
    length: number,
    holes: 'make' | 'leave',
  ): Promise<boolean> {
    const data = await this.changeable(dataNumber)
    const space = await this.changeable(spaceNumber)
    const { inside: given } = split(space.map.extents, [{ logical, length }])
    const { placed, copies, zeroes } = placeOver(data, given)
    const { inside, outside } = split(data.map.extents, holes === 'make' ? [{ logical, length }] : given)
    const mapping = sorted([...outside, ...placed])
    const change = await remapInode(this.filesystem, data, mapping, await this.room())
    const released = inside.map((old) => blockRun(old.physical, old.length))
    const dataChange = { ...change, copies, zeroes, release: [...released, ...change.release] }
    return space.map.kind === 'indirect'
      ? this.spliceFreed(dataChange, space, given)
      : this.spliceBlank(dataChange, spaceNumber, given, { logical, length })
  }

  /** The space file's blocks are made to read as zeros where they are, and then change hands. */
  private async spliceBlank(
    dataChange: InodeRelocation,
    spaceNumber: number,
    given: readonly Extent[],
    range: { readonly logical: number; readonly length: number },
  ): Promise<boolean> {
    const { filesystem } = this
    let space = await this.changeable(spaceNumber)
    const { outside: kept } = split(space.map.extents, [range])
    if (given.some(({ unwritten }) => !unwritten)) {
      const blank = await remapInode(
        filesystem,
        space,
        sorted([...kept, ...given.map((old) => ({ ...old, unwritten: true }))]),
        await this.room(dataChange.grownInto),
      )
      if (!(await this.carryOut([blank]))) return false
      space = await this.changeable(spaceNumber)
    }
    const spaceChange = await remapInode(filesystem, space, kept, await this.room(dataChange.grownInto))
    return this.carryOut([dataChange, spaceChange])
  }

  /**
   * A block map has no way to say that a block is to read as zeros. So the space file gives
   * its blocks up first, and the data takes them from what is free: in between nobody has
   * them. Nothing is given up unless what follows fits the journal too.
   */
  private async spliceFreed(
    dataChange: InodeRelocation,
    space: InodeState,
    given: readonly Extent[],
  ): Promise<boolean> {
    const runs = given.map(({ physical, length }) => blockRun(physical, length))
    const { outside: kept } = split(space.map.extents, given)
    const left = await remapInode(this.filesystem, space, kept, await this.room(dataChange.grownInto))
    const giving = new Batch(this.filesystem, this.committer)
    const taking = new Batch(this.filesystem, this.committer)
    if (!giving.add({ ...left, release: [...runs, ...left.release] })) return false
    if (!taking.add({ ...dataChange, take: [...runs, ...dataChange.take] })) return false
    if (given.length > 0) await giving.carryOut(() => {})
    await taking.carryOut(() => {})
    return true
  }

  private async carryOut(changes: readonly InodeRelocation[]): Promise<boolean> {
    const batch = new Batch(this.filesystem, this.committer)
    if (!changes.every((change) => batch.add(change))) return false
    await batch.carryOut(() => {})
    return true
  }

  /** @param taken blocks that are spoken for */
  private async room(taken: readonly FsBlock[] = []): Promise<TreeRoom> {
    const { markedFree } = await this.suspects()
    return new TreeRoom(this.filesystem, [...markedFree, ...taken.map((block) => blockRun(block, 1))])
  }

  /** Leaves the filesystem clean, as an unmount does. */
  settle(): Promise<void> {
    return this.committer.close()
  }
}

const journalTooSmall = (): BootpackError =>
  noSpace('ENOSPC', 'The journal is too small for what this changes.', 'Do it in smaller pieces.')

/**
 * The blocks `given` under the data of a file: where it has data, that is copied; where it has
 * none, they are to read as zeros, unwritten in an extent tree, written so under a block map.
 */
function placeOver(
  data: InodeState,
  given: readonly Extent[],
): { placed: Extent[]; copies: CopyPiece[]; zeroes: BlockRun[] } {
  const placed: Extent[] = []
  const copies: CopyPiece[] = []
  const zeroes: BlockRun[] = []
  for (const block of given) {
    let at: number = block.logical
    const place = (until: number, written: boolean): void => {
      if (until <= at) return
      const part = extent(at, block.physical + (at - block.logical), until - at)
      if (!written && data.map.kind === 'indirect') zeroes.push(blockRun(part.physical, part.length))
      placed.push({ ...part, unwritten: !written && data.map.kind !== 'indirect' })
      at = until
    }
    for (const old of overlapping(data.map.extents, block.logical, block.length)) {
      if (old.unwritten) continue
      place(old.logical, false)
      const end = Math.min(old.logical + old.length, block.logical + block.length)
      const target = blockRun(block.physical + (at - block.logical), end - at)
      copies.push({
        from: blockRun(old.physical + (at - old.logical), 1).start,
        to: target.start,
        length: target.length,
      })
      place(end, true)
    }
    place(block.logical + block.length, false)
  }
  return { placed, copies, zeroes }
}

const sorted = (extents: Extent[]): Extent[] => mergeExtents(extents.sort((a, b) => a.logical - b.logical))

/** A mapping in two: the parts inside any of the ranges, and those outside all of them. Both sorted, the ranges disjoint. */
function split(
  extents: readonly Extent[],
  ranges: readonly { readonly logical: number; readonly length: number }[],
): { inside: Extent[]; outside: Extent[] } {
  const inside: Extent[] = []
  const outside: Extent[] = []
  let next = 0
  for (const old of extents) {
    const end = old.logical + old.length
    let at: number = old.logical
    const part = (into: Extent[], until: number): void => {
      if (until > at) into.push(extent(at, old.physical + (at - old.logical), until - at, old.unwritten))
      at = Math.max(at, until)
    }
    while (next < ranges.length && ranges[next]!.logical + ranges[next]!.length <= at) next++
    for (let i = next; i < ranges.length && ranges[i]!.logical < end; i++) {
      part(outside, ranges[i]!.logical)
      part(inside, Math.min(end, ranges[i]!.logical + ranges[i]!.length))
    }
    part(outside, end)
  }
  return { inside, outside }
}
