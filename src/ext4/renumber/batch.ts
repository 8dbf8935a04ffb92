/**
 * Inodes that get other numbers in one transaction.
 *
 * The data: exchanges of slots, one after the other, each of which leaves a whole
 * filesystem; of all of them together only the sum matters, a map from the number an
 * inode has on the disk to the one it will have. The invariant: after the commit
 * everything that holds a number of that map holds the new one, and everything sealed
 * with a number is sealed with the new one:
 *
 *   the inode itself       its slot, its checksum
 *   its extent-tree blocks their checksums
 *   of a directory         all its blocks, their checksums and "."; ".." of its children
 *   its names              the entries, and the checksums of their blocks
 *   a slot that was free   bitmap, free count, and the count of directories of the group
 *
 * Attribute blocks are sealed with their place and block maps are not sealed at all. A
 * slot left for good is cleared, as mke2fs leaves slots nobody used.
 */
import { corrupt, refused } from '../../errors.js'
import { clearBit, countOnes, hasBit, setBit } from '../../bytes/bitset.js'
import { fsBlock, type FsBlock } from '../../layout/block.js'
import { blockRun } from '../../layout/run.js'
import { inodeBitmapChecksum } from '../format/bitmap.js'
import type { Suspects } from '../ownership/claim-map.js'
import { renumberEntries, sealDirectoryBlock } from '../format/directory-block.js'
import { directoryBlocks } from '../read/directory.js'
import { sealExtentBlock } from '../format/extent-node.js'
import { readFileMap } from '../read/file-map.js'
import type { Filesystem } from '../read/filesystem.js'
import { changeGroupDescriptor } from '../format/group-descriptor.js'
import { groupOfInode } from '../format/group-layout.js'
import { hasInlineData } from '../format/inline-data.js'
import { decodeInode, inodeFlag, inodeSeed, sealInode, type Inode } from '../format/inode.js'
import { renumberInline } from './inline.js'
import type { CurrentNumbers } from './numbers.js'
import type { DirectoryPlace, References } from './references.js'
import { Transaction } from '../commit/transaction.js'
import type { Committer } from '../commit/committer.js'

/** Bytes of metadata in one batch, which lie in memory at once. */
const batchBytes = 16 << 20

/** The inode at `inode` goes to the slot `to`; whoever is there takes its place. */
export interface Exchange {
  readonly inode: number
  readonly to: number
}

interface Member {
  /** As it is on the disk when the batch begins. */
  readonly inode: Inode
  /** Blocks sealed with its number that hold no entries. */
  readonly tree: readonly FsBlock[]
  /** Its own blocks, of a directory, where they are sealed with its number. */
  readonly blocks: readonly FsBlock[]
}

export class RenumberBatch {
  /** By original number. */
  private readonly members = new Map<number, Member>()
  private readonly touched = new Set<number>()
  private readonly most: number

  private readonly filesystem: Filesystem
  private readonly committer: Committer
  private readonly references: References
  /** Changed with every exchange that is taken in. */
  private readonly numbers: CurrentNumbers
  private readonly suspects: Suspects

  constructor(
    filesystem: Filesystem,
    committer: Committer,
    references: References,
    numbers: CurrentNumbers,
    suspects: Suspects,
  ) {
    this.filesystem = filesystem
    this.committer = committer
    this.references = references
    this.numbers = numbers
    this.suspects = suspects
    this.most = Math.min(committer.capacity, Math.max(64, Math.floor(batchBytes / filesystem.blockSize)))
  }

  get isEmpty(): boolean {
    return this.members.size === 0
  }

  /**
   * Takes an exchange in, if it fits. The first one fits when the journal can take it at all.
   * @throws refused when the owner of a block it changes is in doubt
   */
  async add({ inode, to }: Exchange): Promise<boolean> {
    const involved = [inode, to].flatMap((slot) => this.numbers.holder(slot) ?? [])
    const loaded = new Map<number, Member>()
    for (const original of involved) {
      if (!this.members.has(original)) loaded.set(original, await this.load(this.numbers.now(original)))
    }
    const touched = new Set<number>()
    for (const slot of [inode, to]) {
      touched.add(this.filesystem.inodeHome(slot).block)
      const descriptor = this.filesystem.groups.get(groupOfInode(this.filesystem.superblock, slot))
      touched.add(descriptor.inodeBitmap).add(this.filesystem.groups.home(descriptor.group).block)
    }
    for (const original of involved) {
      const { tree, blocks } = this.members.get(original) ?? loaded.get(original)!
      const { blocks: entries, inline } = this.references.of.get(original)!
      for (const block of [...tree, ...blocks, ...entries]) touched.add(block)
      for (const directory of inline) touched.add(this.filesystem.inodeHome(this.numbers.now(directory)).block)
    }
    const fresh = [...touched].filter((block) => !this.touched.has(block))
    if (this.touched.size + fresh.length > (this.isEmpty ? this.committer.capacity : this.most)) return false
    for (const block of fresh) this.refuseDoubtful(block)
    for (const block of fresh) this.touched.add(block)
    for (const [original, member] of loaded) this.members.set(original, member)
    this.numbers.exchange(inode, to)
    return true
  }

  /**
   * Commits.
   * @returns original numbers of the inodes that were found in their new slots when read back
   * @throws corrupt when bitmaps or counts contradict what is to be changed; io
   */
  async carryOut(): Promise<Set<number>> {
    const { filesystem, members, numbers } = this
    const { superblock } = filesystem
    const transaction = new Transaction(filesystem)
    const renumbered = new Map<number, number>()
    for (const [original, { inode }] of members) renumbered.set(inode.number, numbers.now(original))
    const written = new Map<number, Uint8Array>()
    await this.rewriteInlineHolders(transaction, renumbered)
    const left = new Set(renumbered.keys())
    for (const [original, { inode }] of members) {
      const raw = new Uint8Array(inode.raw)
      const copy = decodeInode(raw, inode.number, superblock)
      if (copy.type === 'directory' && hasInlineData(copy)) renumberInline(filesystem, copy, renumbered)
      const to = numbers.now(original)
      sealInode(raw, to, superblock)
      const { block, offset } = filesystem.inodeHome(to)
      ;(await transaction.edit(fsBlock(block))).set(raw, offset)
      written.set(original, raw)
      left.delete(to)
    }
    for (const number of left) {
      const { block, offset } = filesystem.inodeHome(number)
      ;(await transaction.edit(fsBlock(block))).fill(0, offset, offset + superblock.inodeSize)
    }
    await this.rewriteDirectories(transaction, renumbered)
    await this.sealTrees(transaction)
    await this.changeGroups(transaction, renumbered, left)
    await transaction.commit(this.committer)
    const found = new Set<number>()
    for (const [original, raw] of written) {
      const number = numbers.now(original)
      if ((await filesystem.inodeInUse(number)) && Buffer.compare((await filesystem.readInode(number)).raw, raw) === 0)
        found.add(original)
    }
    return found
  }

  private async load(number: number): Promise<Member> {
    const { filesystem } = this
    const inode = await filesystem.readInode(number)
    if (filesystem.superblock.checksums !== 'crc32c' || hasInlineData(inode)) return { inode, tree: [], blocks: [] }
    const map = await readFileMap(filesystem, inode)
    const blocks =
      inode.type === 'directory'
        ? Array.from(directoryBlocks(filesystem, inode, map.extents), ({ physical }) => physical)
        : []
    return { inode, tree: map.kind === 'extents' ? map.treeBlocks : [], blocks }
  }

  private refuseDoubtful(block: number): void {
    const { doublyClaimed, markedFree } = this.suspects
    if (doublyClaimed.intersects(blockRun(block, 1)))
      throw refused('multiply-claimed', `Block ${block} belongs to more than one owner.`, 'Run e2fsck on it first.')
    if (markedFree.intersects(blockRun(block, 1)))
      throw refused('marked-free', `Block ${block} belongs to a file but is marked free.`, 'Run e2fsck on it first.')
  }

  /** Inline directories that keep their number and name inodes that do not. */
  private async rewriteInlineHolders(transaction: Transaction, renumbered: ReadonlyMap<number, number>): Promise<void> {
    const { superblock } = this.filesystem
    const holders = new Set<number>()
    for (const original of this.members.keys())
      for (const directory of this.references.of.get(original)!.inline) holders.add(directory)
    for (const directory of holders) {
      if (this.members.has(directory)) continue
      const number = this.numbers.now(directory)
      const { block, offset } = this.filesystem.inodeHome(number)
      const raw = (await transaction.edit(fsBlock(block))).subarray(offset, offset + superblock.inodeSize)
      renumberInline(this.filesystem, decodeInode(raw, number, superblock), renumbered)
      sealInode(raw, number, superblock)
    }
  }

  private async rewriteDirectories(transaction: Transaction, renumbered: ReadonlyMap<number, number>): Promise<void> {
    const { superblock } = this.filesystem
    const blocks = new Map<FsBlock, DirectoryPlace>()
    for (const [original, { inode, blocks: own }] of this.members) {
      for (const block of this.references.of.get(original)!.blocks)
        blocks.set(block, this.references.owners.get(block)!)
      const place = {
        directory: original,
        generation: inode.generation,
        encrypted: (inode.flags & inodeFlag.encrypted) !== 0,
      }
      for (const block of own) blocks.set(block, place)
    }
    for (const [block, { directory, generation, encrypted }] of blocks) {
      const bytes = await transaction.edit(block)
      renumberEntries(
        bytes,
        {
          directory,
          encrypted,
          types: superblock.features.names.has('filetype'),
          inodeCount: superblock.inodeCount,
          blockSize: superblock.blockSize,
        },
        renumbered,
      )
      if (superblock.checksums === 'crc32c')
        sealDirectoryBlock(bytes, inodeSeed(superblock, this.numbers.now(directory), generation))
    }
  }

  private async sealTrees(transaction: Transaction): Promise<void> {
    const { superblock } = this.filesystem
    for (const [original, { inode, tree }] of this.members) {
      for (const block of tree)
        sealExtentBlock(
          await transaction.edit(block),
          inodeSeed(superblock, this.numbers.now(original), inode.generation),
        )
    }
  }

  /** @param left slots that nobody has any more */
  private async changeGroups(
    transaction: Transaction,
    renumbered: ReadonlyMap<number, number>,
    left: ReadonlySet<number>,
  ): Promise<void> {
    const { filesystem } = this
    const { superblock } = filesystem
    const { inodesPerGroup } = superblock
    const groups = new Map<number, { directories: number; readonly freed: number[]; readonly taken: number[] }>()
    const group = (number: number): { directories: number; readonly freed: number[]; readonly taken: number[] } => {
      const at = groupOfInode(superblock, number)
      let found = groups.get(at)
      if (!found) groups.set(at, (found = { directories: 0, freed: [], taken: [] }))
      return found
    }
    for (const number of left) group(number).freed.push(number)
    for (const to of renumbered.values()) if (!renumbered.has(to)) group(to).taken.push(to)
    for (const { inode } of this.members.values()) {
      if (inode.type !== 'directory') continue
      group(inode.number).directories--
      group(renumbered.get(inode.number)!).directories++
    }
    for (const [number, { directories, freed, taken }] of groups) {
      if (freed.length === 0 && taken.length === 0 && directories === 0) continue
      const descriptor = filesystem.groups.get(number)
      const usedDirectories = descriptor.usedDirectories + directories
      if (usedDirectories < 0 || usedDirectories > inodesPerGroup)
        throw corrupt('group descriptor', number, `it counts ${descriptor.usedDirectories} directories`)
      let change = {}
      if (freed.length > 0 || taken.length > 0) {
        const bits = await transaction.edit(descriptor.inodeBitmap)
        const free = inodesPerGroup - countOnes(bits, 0, inodesPerGroup)
        if (free !== descriptor.freeInodes)
          throw corrupt(
            'group descriptor',
            number,
            `it counts ${descriptor.freeInodes} free inodes, its bitmap has ${free}`,
          )
        for (const inode of [...freed, ...taken]) {
          const bit = (inode - 1) % inodesPerGroup
          if (hasBit(bits, bit) !== freed.includes(inode))
            throw corrupt('inode bitmap of group', number, `inode ${inode} changed while it was renumbered`)
        }
        for (const inode of freed) clearBit(bits, (inode - 1) % inodesPerGroup)
        for (const inode of taken) setBit(bits, (inode - 1) % inodesPerGroup)
        change = {
          freeInodes: free + freed.length - taken.length,
          inodeBitmapChecksum: inodeBitmapChecksum(bits, superblock),
        }
      }
      const home = filesystem.groups.home(number)
      const bytes = (await transaction.edit(fsBlock(home.block))).subarray(
        home.offset,
        home.offset + superblock.descriptorSize,
      )
      changeGroupDescriptor(bytes, number, superblock, { ...change, usedDirectories })
    }
  }
}
