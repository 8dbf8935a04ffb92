import { expect } from 'chai'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { clearBit } from '../../src/bytes/bitset.js'
import { blockBitmapChecksum } from '../../src/ext4/format/bitmap.js'
import { buildExtentTree, readExtentTree, storableExtents, treeBlocksNeeded } from '../../src/ext4/read/extent-tree.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { changeGroupDescriptor } from '../../src/ext4/format/group-descriptor.js'
import { groupOfBlock, groupStart } from '../../src/ext4/format/group-layout.js'
import { changeInode, inodeSeed } from '../../src/ext4/format/inode.js'
import { walkPath } from '../../src/ext4/read/path-walk.js'
import { setFreeBlocks } from '../../src/ext4/format/superblock.js'
import { fsBlock, type FsBlock } from '../../src/layout/block.js'
import { extent, mergeExtents, type Extent } from '../../src/layout/extent.js'
import { checkImage, debugfsWrite, hashFiles, makeImage } from '../support/images.js'
import { Random } from '../support/random.js'
import { needTools, scratchFolder } from '../support/tools.js'
import { MemoryStore } from '../storage/memory-store.js'
import { dumpedTrees } from './oracle.js'
import { makeTree } from './specimens.js'

describe('extent trees', () => {
  const folder = scratchFolder()
  const tree = join(folder.path, 'tree')
  before(function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck')
    makeTree(tree)
  })
  after(() => {
    folder.remove()
  })

  for (const blockSize of [1024, 2048, 4096, 65536]) {
    it(`of ${blockSize}-byte blocks are read back as they were built`, async () => {
      const image = join(folder.path, `built-${blockSize}`)
      makeImage(image, { size: blockSize === 65536 ? 128 << 20 : 64 << 20, blockSize })
      const store = new MemoryStore(readFileSync(image), true)
      const filesystem = await Filesystem.open(store)
      const room = Math.floor((blockSize - 12) / 12)
      const { blockCount } = filesystem.superblock
      const counts = [0, 1, 4, 5, room - 1, room, room + 1, 4 * room, 4 * room + 1, 5 * room + 3]
      if (blockSize === 1024) counts.push(4 * room * room, 4 * room * room + 1)
      for (const count of counts) {
        // As if one file had every other block of the filesystem; where tree blocks lie does not matter here.
        const extents = Array.from({ length: Math.min(count, Math.floor(blockCount / 2) - 1) }, (_, i) =>
          extent(i * 3 + 5, 1 + i * 2, 1, i % 5 === 0),
        )
        const needed = treeBlocksNeeded(extents.length, blockSize)
        const addresses: FsBlock[] = Array.from({ length: needed }, (_, i) => fsBlock(blockCount - 1 - i * 2))
        const seed = inodeSeed(filesystem.superblock, 77, 12345)
        const built = buildExtentTree(extents, blockSize, addresses, seed)
        expect(built.blocks.map(({ block }) => block)).to.deep.equal(addresses)
        for (const { block, bytes } of built.blocks) await filesystem.writeBlocks(block, bytes)
        const read = await readExtentTree(filesystem, { number: 77, generation: 12345, blockArea: built.root })
        expect(read.extents, `${count} extents`).to.deep.equal(extents)
        expect(read.treeBlocks, `${count} extents`).to.deep.equal(addresses)
        expect(() => buildExtentTree(extents, blockSize, [...addresses, fsBlock(1)], seed)).to.throw(RangeError)
      }
    })
  }

  it('store any mapping in as few extents as the format allows (seeds 1 to 200)', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new Random(seed)
      const extents: Extent[] = []
      let logical = 0
      let physical = 1000
      for (let i = 0; i < 12; i++) {
        const length = random.pick([1, 5, 32767, 32768, 40000])
        if (random.chance(0.3)) logical += 1 + random.below(3)
        if (random.chance(0.4)) physical += 1 + random.below(9)
        for (let rest = length; rest > 0;) {
          const piece = Math.min(rest, 1 + random.below(32767))
          extents.push(extent(logical, physical, piece, seed % 2 === 0))
          logical += piece
          physical += piece
          rest -= piece
        }
      }
      const stored = storableExtents(extents)
      const longest = seed % 2 === 0 ? 32767 : 32768
      expect(mergeExtents(stored), `seed ${seed}`).to.deep.equal(mergeExtents(extents))
      expect(Math.max(...stored.map(({ length }) => length)), `seed ${seed}`).to.be.at.most(longest)
      expect(stored.length, `seed ${seed}`).to.equal(
        mergeExtents(extents).reduce((sum, { length }) => sum + Math.ceil(length / longest), 0),
      )
    }
  })

  for (const features of [
    'metadata_csum,64bit',
    'metadata_csum,^64bit',
    '^metadata_csum,uninit_bg,^64bit',
    '^metadata_csum,^uninit_bg,64bit',
  ]) {
    it(`written anew with every structure above them leave e2fsck nothing to say (${features})`, async () => {
      const image = join(folder.path, features)
      makeImage(image, { size: 64 << 20, blockSize: 1024, features, tree })
      // A tree that is not compact: every third extent goes, nothing is moved together.
      debugfsWrite(
        image,
        Array.from({ length: 260 }, (_, i) => `punch comb ${i * 24} ${i * 24 + 3}`),
      )
      const before = hashFiles(image)
      const store = new MemoryStore(readFileSync(image), true)
      const filesystem = await Filesystem.open(store)
      const { inode } = (await walkPath(filesystem, '/comb'))!
      const old = await readExtentTree(filesystem, inode)
      const extents = storableExtents(old.extents)
      const needed = treeBlocksNeeded(extents.length, 1024)
      expect(old.treeBlocks.length).to.be.greaterThan(needed)
      const built = buildExtentTree(
        extents,
        1024,
        old.treeBlocks.slice(0, needed),
        filesystem.superblock.checksums === 'crc32c'
          ? inodeSeed(filesystem.superblock, inode.number, inode.generation)
          : undefined,
      )
      for (const { block, bytes } of built.blocks) await filesystem.writeBlocks(block, bytes)

      const freed = old.treeBlocks.slice(needed)
      for (const block of freed) {
        const group = groupOfBlock(filesystem.superblock, block)
        const bits = await filesystem.blockBitmap(group)
        clearBit(bits, block - groupStart(filesystem.superblock, group))
        await filesystem.writeBlocks(filesystem.groups.get(group).blockBitmap, bits)
        const home = filesystem.groups.home(group)
        const descriptors = filesystem.groups.blockOf(group)
        const own = descriptors.subarray(home.offset, home.offset + filesystem.superblock.descriptorSize)
        changeGroupDescriptor(own, group, filesystem.superblock, {
          freeBlocks: filesystem.groups.get(group).freeBlocks + 1,
          blockBitmapChecksum: blockBitmapChecksum(bits, filesystem.superblock),
        })
        await filesystem.writeBlocks(home.block, descriptors)
      }
      const home = filesystem.inodeHome(inode.number)
      const table = (await filesystem.blocks.read(home.block)).slice()
      table.set(
        changeInode(inode, filesystem.superblock, { blockArea: built.root, sectors: inode.sectors - freed.length * 2 }),
        home.offset,
      )
      await filesystem.writeBlocks(home.block, table)
      const superblock = (await filesystem.blocks.read(1)).slice()
      setFreeBlocks(superblock, filesystem.superblock, filesystem.superblock.freeBlocks + freed.length)
      await filesystem.writeBlocks(1, superblock)

      writeFileSync(image, store.bytes)
      checkImage(image)
      expect(hashFiles(image)).to.deep.equal(before)
      expect(dumpedTrees(image, [inode.number]).get(inode.number)).to.deep.equal({
        extents,
        treeBlocks: old.treeBlocks.slice(0, needed),
      })
      expect(filesystem.superblock.freeBlocks, 'what is held follows what is written').to.equal(
        (await Filesystem.open(store)).superblock.freeBlocks,
      )
    })
  }
})
