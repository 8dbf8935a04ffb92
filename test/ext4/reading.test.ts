/**
 * Every specimen read by us and by somebody else: dumpe2fs and debugfs for the
 * structures, the folder it was made from for names and contents, the kernel for
 * extents.
 */
import { expect } from 'chai'
import { readFileSync, readdirSync, readlinkSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import { decodeName } from '../../src/bytes/file-name.js'
import { hasBit, nextOne } from '../../src/bytes/bitset.js'
import { changeGroupDescriptor } from '../../src/ext4/format/group-descriptor.js'
import { fileExtents, readFileMap, type FileMap } from '../../src/ext4/read/file-map.js'
import { FileStore } from '../../src/storage/file-store.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { ImageVolume } from '../../src/ext4/engine/image-volume.js'
import { hasInlineData, inlineContents } from '../../src/ext4/format/inline-data.js'
import { changeInode, inodeSeed, type Inode } from '../../src/ext4/format/inode.js'
import { scanInodes } from '../../src/ext4/read/inode-scan.js'
import { NameCache } from '../../src/ext4/read/name-cache.js'
import { walkPath } from '../../src/ext4/read/path-walk.js'
import { readSymlink } from '../../src/ext4/read/symlink.js'
import { sealExtentBlock } from '../../src/ext4/format/extent-node.js'
import { setFreeBlocks } from '../../src/ext4/format/superblock.js'
import { sealXattrBlock } from '../../src/ext4/format/xattr-block.js'
import { blockBitmapChecksum } from '../../src/ext4/format/bitmap.js'
import { fsBlock } from '../../src/layout/block.js'
import { blockRun, type BlockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import type { FixedRun } from '../../src/volume/volume.js'
import { hasTool, needTools, scratchFolder } from '../support/tools.js'
import { checkedOwners, dumpedBlocks, dumpedGroups, dumpedTrees, specialInodes } from './oracle.js'
import { makeSpecimen, makeTree, specimens } from './specimens.js'

describe('reading ext4', () => {
  const folder = scratchFolder()
  const tree = join(folder.path, 'tree')
  before(function () {
    needTools(this, 'mke2fs', 'debugfs', 'dumpe2fs', 'e2fsck')
    makeTree(tree)
  })
  after(() => {
    folder.remove()
  })

  for (const [number, specimen] of specimens.entries()) {
    describe(specimen.name, () => {
      const image = join(folder.path, `${number}.img`)
      let filesystem: Filesystem
      let volume: ImageVolume
      /** Without following a link at the end, which lookup does: found in the folder it is in. */
      const inodeAt = async (path: string): Promise<Inode> => {
        if (path === '/') return filesystem.readInode(2)
        const cut = path.lastIndexOf('/')
        const parent = await walkPath(filesystem, path.slice(0, cut), names)
        const number = await names.find(parent!.inode, path.slice(cut + 1))
        expect(number, path).not.to.equal(undefined)
        return filesystem.readInode(number!)
      }
      let names: NameCache
      before(async () => {
        makeSpecimen(image, specimen, tree)
        filesystem = await Filesystem.open(await FileStore.open(image))
        volume = await ImageVolume.open(filesystem)
        names = new NameCache(filesystem)
      })
      after(async () => {
        if (hasTool('mke2fs')) await volume.close()
      })

      it('finds the fixed metadata that dumpe2fs lists', () => {
        const { fixed } = dumpedGroups(image)
        const ours = volume.geometry().fixedRuns
        // The boot block is in no group.
        expect(blockByBlock(ours).filter(([block]) => block >= filesystem.superblock.firstDataBlock)).to.deep.equal(
          blockByBlock(fixed),
        )
        for (const [i, run] of ours.slice(1).entries())
          expect(run.start).to.be.at.least(ours[i]!.start + ours[i]!.length)
      })

      it('finds the free blocks that dumpe2fs lists', async () => {
        const { free } = dumpedGroups(image)
        expect(await volume.freeRuns(fsBlock(0), fsBlock(Infinity))).to.deep.equal(free)
        const middle = free[Math.floor(free.length / 2)]!
        const from = fsBlock(middle.start + 1)
        const to = fsBlock(filesystem.superblock.blockCount - 3)
        expect(await volume.freeRuns(from, to)).to.deep.equal([...RunSet.of(free).within(blockRun(from, to - from))])
        expect(free.reduce((sum, { length }) => sum + length, 0)).to.equal(filesystem.superblock.freeBlocks)
      })

      it('finds every name and reads every byte of the folder it was made from', async () => {
        const seen = new Set<number>()
        for (const path of pathsBelow(tree)) {
          const name = decodeName(path)
          const host = Buffer.concat([Buffer.from(tree), path])
          const stats = lstatSync(host)
          const inode = await inodeAt(name)
          seen.add(inode.number)
          if (stats.isSymbolicLink()) {
            expect(inode.type, name).to.equal('symlink')
            expect(decodeName((await readSymlink(filesystem, inode))!), name).to.equal(readlinkSync(host))
          } else if (stats.isDirectory()) {
            expect(inode.type, name).to.equal('directory')
          } else {
            expect(inode.type, name).to.equal('regular')
            expect(inode.size, name).to.equal(stats.size)
            expect(inode.links, name).to.equal(stats.nlink)
            expect((await contents(filesystem, inode)).equals(readFileSync(host)), `contents of ${name}`).to.equal(true)
          }
        }
        const paths = await volume.paths(seen)
        expect(paths.size).to.equal(seen.size)
        for (const [inode, path] of paths) expect((await inodeAt(path)).number, path).to.equal(inode)
      })

      it('maps every inode as debugfs does', async () => {
        const trees = new Map<number, FileMap>()
        const maps = new Map<number, FileMap>()
        for await (const batch of scanInodes(filesystem)) {
          for (const inode of batch) {
            const map = await readFileMap(filesystem, inode)
            if (map.kind === 'extents') trees.set(inode.number, map)
            // debugfs counts the resize inode's blocks in a way of its own.
            else if (map.kind === 'indirect' && inode.number > 8 && map.extents.length > 0) maps.set(inode.number, map)
          }
        }
        expect(trees.size + maps.size).to.be.greaterThan(4)
        const dumped = dumpedTrees(image, [...trees.keys()])
        for (const [inode, { extents, treeBlocks }] of trees) {
          expect({ extents, treeBlocks }, `inode ${inode}`).to.deep.equal(dumped.get(inode))
        }
        const listed = dumpedBlocks(image, [...maps.keys()])
        for (const [inode, { extents, treeBlocks }] of maps) {
          const ours = [
            ...extents.flatMap(({ physical, length }) => Array.from({ length }, (_, i) => physical + i)),
            ...treeBlocks,
          ]
          expect(
            ours.sort((a, b) => a - b),
            `inode ${inode}`,
          ).to.deep.equal(listed.get(inode))
        }
      })

      it('gives every used block the owner that icheck gives it', async () => {
        const { blockCount } = filesystem.superblock
        const owned = await volume.owners(blockRun(0, blockCount))
        // The bad blocks and the resize inode have fixed numbers.
        const special = [1, 7, ...specialInodes(image)]
        const ours = new Map<number, number>()
        let last = 0
        for (const run of owned) {
          expect(run.start, 'sorted and disjoint').to.be.at.least(last)
          last = run.start + run.length
          expect(run.kind, `block ${run.start}`).not.to.equal('unknown')
          for (let i = 0; i < run.length; i++) ours.set(run.start + i, run.inode)
        }
        const free = RunSet.of(await volume.freeRuns(fsBlock(0), fsBlock(blockCount)))
        expect(ours.size + free.blocks, 'every block is owned or free').to.equal(blockCount)
        // Journals are long; their owner is seen from a few of their blocks. The list of bad blocks icheck does not look at.
        const asked = [...ours]
          .filter(([block, inode]) => inode !== 8 || block % 97 === 0)
          .filter(([, inode]) => inode !== 0 && inode !== 1)
          .map(([block]) => block)
        const checked = checkedOwners(image, asked)
        for (const block of asked) expect(checked.get(block), `block ${block}`).to.equal(ours.get(block))
        for (const { inode, immovable } of owned) {
          if (inode !== 0) expect(immovable === 'system-inode', `inode ${inode}`).to.equal(special.includes(inode))
        }
      })

      it('writes every structure back as it was read', async () => {
        const { superblock } = filesystem
        const bytes = new Uint8Array(1024)
        await filesystem.store.read(1024, bytes)
        const before = bytes.slice()
        setFreeBlocks(bytes, superblock, superblock.freeBlocks)
        expect(bytes).to.deep.equal(before)
        for (let group = 0; group < superblock.groupCount; group++) {
          const descriptor = filesystem.groups.get(group)
          const { offset } = filesystem.groups.home(group)
          const block = filesystem.groups.blockOf(group)
          const old = block.slice()
          const bits = descriptor.blocksUninitialised ? undefined : await filesystem.blocks.read(descriptor.blockBitmap)
          changeGroupDescriptor(block.subarray(offset, offset + superblock.descriptorSize), group, superblock, {
            freeBlocks: descriptor.freeBlocks,
            ...(bits ? { blockBitmapChecksum: blockBitmapChecksum(bits, superblock) } : {}),
          })
          expect(Buffer.compare(block, old), `group ${group}`).to.equal(0)
        }
        for await (const batch of scanInodes(filesystem)) {
          for (const inode of batch) {
            if (inode.mode === 0) continue
            const same = changeInode(inode, superblock, {
              blockArea: inode.blockArea,
              xattrBlock: inode.xattrBlock,
              sectors: inode.sectors,
            })
            expect(Buffer.compare(same, inode.raw), `inode ${inode.number}`).to.equal(0)
            if (inode.xattrBlock !== 0) {
              const held = await filesystem.blocks.readRun(inode.xattrBlock, 1)
              const copy = held.slice()
              sealXattrBlock(copy, inode.xattrBlock, superblock)
              expect(Buffer.compare(copy, held), `attributes of ${inode.number}`).to.equal(0)
            }
            if (superblock.checksums !== 'crc32c') continue
            const { kind, treeBlocks } = await readFileMap(filesystem, inode)
            for (const block of kind === 'extents' ? treeBlocks : []) {
              const held = await filesystem.blocks.readRun(block, 1)
              const copy = held.slice()
              sealExtentBlock(copy, inodeSeed(superblock, inode.number, inode.generation))
              expect(Buffer.compare(copy, held), `tree block ${block}`).to.equal(0)
            }
          }
        }
      })

      it('knows which inodes are in use', async () => {
        const { inodesPerGroup, groupCount, inodeCount } = filesystem.superblock
        for (let group = 0; group < groupCount; group++) {
          const bits = await filesystem.inodeBitmap(group)
          const used = nextOne(bits, 0, inodesPerGroup)
          if (used < inodesPerGroup)
            expect((await volume.byInode(group * inodesPerGroup + used + 1))?.inode).to.equal(
              group * inodesPerGroup + used + 1,
            )
          if (!hasBit(bits, inodesPerGroup - 1))
            expect(await volume.byInode((group + 1) * inodesPerGroup)).to.equal(undefined)
        }
        for (const nonsense of [0, -1, 1.5, NaN, inodeCount + 1, 2 ** 40])
          expect(await volume.byInode(nonsense)).to.equal(undefined)
      })
    })
  }
})

const blockByBlock = (runs: readonly FixedRun[]): [number, string][] =>
  runs
    .flatMap(({ start, length, kind }) => Array.from({ length }, (_, i): [number, string] => [start + i, kind]))
    .sort(([a], [b]) => a - b)

/** Paths below a folder as bytes, each starting with '/'. */
function pathsBelow(folder: string): Buffer[] {
  const found: Buffer[] = []
  const walk = (relative: Buffer): void => {
    for (const entry of readdirSync(Buffer.concat([Buffer.from(folder), relative]), {
      withFileTypes: true,
      encoding: 'buffer',
    })) {
      const path = Buffer.concat([relative, Buffer.from('/'), entry.name])
      found.push(path)
      if (entry.isDirectory()) walk(path)
    }
  }
  walk(Buffer.alloc(0))
  return found
}

async function contents(filesystem: Filesystem, inode: Inode): Promise<Buffer> {
  if (hasInlineData(inode)) return Buffer.from(inlineContents(inode))
  const bytes = Buffer.alloc(inode.size)
  for (const { logical, physical, length, unwritten } of await fileExtents(filesystem, inode)) {
    if (unwritten) continue
    const run: BlockRun = blockRun(physical, length)
    Buffer.from(await filesystem.blocks.readRun(run.start, run.length)).copy(bytes, logical * filesystem.blockSize)
  }
  return bytes
}
