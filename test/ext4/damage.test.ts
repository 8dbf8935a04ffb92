/**
 * One field of a good image changed: one kind of error, naming the structure and
 * which one it is, and never anything else. The images with checksums show that
 * each is looked at; those without show what is checked besides.
 */
import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BootpackError, type ErrorFamily } from '../../src/errors.js'
import { putU16, putU32 } from '../../src/bytes/little-endian.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { groupDescriptorChecksum } from '../../src/ext4/format/group-descriptor.js'
import { ImageVolume } from '../../src/ext4/engine/image-volume.js'
import { readFileMap } from '../../src/ext4/read/file-map.js'
import { directoryBlocks, visitDirectory } from '../../src/ext4/read/directory.js'
import { extent } from '../../src/layout/extent.js'
import { blockRun } from '../../src/layout/run.js'
import { fsBlock } from '../../src/layout/block.js'
import { debugfs, debugfsWrite, makeImage } from '../support/images.js'
import { Random } from '../support/random.js'
import { needTools, run, scratchFolder } from '../support/tools.js'
import { MemoryStore } from '../storage/memory-store.js'
import { makeTree } from './specimens.js'

interface Places {
  readonly bytes: Buffer
  readonly blockSize: number
  /** Byte of an inode. */
  inode(path: string): number
  numberOf(path: string): number
  /** Byte of a file's nth block. */
  block(path: string, n: number): number
  /** Byte of the first block below the root of a file's tree. */
  treeBlock(path: string): number
  xattrBlock(path: string): number
  readonly filesystem: Filesystem
}

describe('damage', function () {
  const folder = scratchFolder()
  let checked: Places
  let plain: Places

  before(async function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck')
    const tree = join(folder.path, 'tree')
    makeTree(tree)
    checked = await make('checked', tree, 'metadata_csum,64bit')
    plain = await make('plain', tree, '^metadata_csum,^uninit_bg,64bit')
  })
  after(() => {
    folder.remove()
  })

  it('asks for the blocks of a directory one by one, however many its map has', () => {
    const extents = Array.from({ length: 1360 }, (_, i) => extent(i * 32768, 1000 + i * 32768, 32768))
    const [first] = directoryBlocks(checked.filesystem, { number: 12, size: 1360 * 32768 * checked.blockSize }, extents)
    expect(first).to.deep.equal({ logical: 0, physical: 1000 })
  })

  async function make(name: string, tree: string, features: string): Promise<Places> {
    const image = join(folder.path, name)
    makeImage(image, { size: 16 * 1024 * 1024, blockSize: 1024, features, tree, more: ['-N', '2048', '-g', '4096'] })
    debugfsWrite(image, [`ea_set /usr/lib/one user.long ${'v'.repeat(300)}`])
    run('e2fsck', ['-fyD', image], { ok: [0, 1] })
    const bytes = readFileSync(image)
    const filesystem = await Filesystem.open(new MemoryStore(bytes))
    const stat = (path: string, what: RegExp): number => Number(what.exec(debugfs(image, `stat "${path}"`))![1])
    return {
      bytes,
      filesystem,
      blockSize: 1024,
      numberOf: (path) => stat(path, /Inode: (\d+)/),
      inode: (path) => {
        const { block, offset } = filesystem.inodeHome(stat(path, /Inode: (\d+)/))
        return block * 1024 + offset
      },
      block: (path, n) => Number(debugfs(image, `bmap "${path}" ${n}`).trim()) * 1024,
      treeBlock: (path) => stat(path, /\(ETB0\):(\d+)/) * 1024,
      xattrBlock: (path) => stat(path, /File ACL: (\d+)/) * 1024,
    }
  }

  /** Everything there is to read, in the order a plan would. */
  async function readAll(bytes: Uint8Array): Promise<void> {
    const volume = await ImageVolume.open(await Filesystem.open(new MemoryStore(bytes)))
    const { blockCount } = volume.geometry()
    await volume.lookup('/usr/lib/deep/er/and/deeper/file')
    await volume.lookup('/many/nnn-3')
    await volume.lookup('/slow-link')
    await volume.paths([999_999])
    await volume.freeRuns(fsBlock(0), fsBlock(blockCount))
    await volume.owners(blockRun(0, blockCount))
  }

  async function errorAfter(places: Places, poke: (bytes: Buffer) => void): Promise<BootpackError> {
    const bytes = Buffer.from(places.bytes)
    poke(bytes)
    try {
      await readAll(bytes)
    } catch (error) {
      expect(error).to.be.instanceOf(BootpackError)
      return error as BootpackError
    }
    throw new Error('nothing was noticed')
  }

  it('is not what the untouched images have', async () => {
    await readAll(checked.bytes)
    await readAll(plain.bytes)
  })

  interface Case {
    readonly what: string
    readonly family?: ErrorFamily
    /** Of the error's structure and number, or of its code. */
    readonly says: RegExp
    readonly poke: (bytes: Buffer, places: Places) => void
  }

  const flip = (bytes: Buffer, at: number): void => {
    bytes[at]! ^= 0x10
  }

  const withChecksums: readonly Case[] = [
    { what: 'a bit of the superblock', says: /^superblock 0: its checksum/, poke: (bytes) => flip(bytes, 1024 + 0x78) },
    {
      what: 'a group descriptor',
      says: /^group descriptor 2: its checksum/,
      poke: (bytes) => flip(bytes, 2048 + 2 * 64 + 0xc),
    },
    {
      what: 'a block bitmap',
      says: /^block bitmap of group 0: its checksum/,
      poke: (bytes, { filesystem }) => flip(bytes, filesystem.groups.get(0).blockBitmap * 1024 + 5),
    },
    {
      what: 'an inode bitmap',
      says: /^inode bitmap of group 0: its checksum/,
      poke: (bytes, { filesystem }) => flip(bytes, filesystem.groups.get(0).inodeBitmap * 1024 + 5),
    },
    {
      what: 'an inode',
      says: /^inode \d+: its checksum/,
      poke: (bytes, { inode }) => flip(bytes, inode('/tiny') + 0x90),
    },
    {
      what: 'a tree block',
      says: /^extent tree of inode \d+: block \d+: its checksum/,
      poke: (bytes, { treeBlock }) => flip(bytes, treeBlock('/comb') + 12 + 8),
    },
    {
      what: "the spare bytes behind a tree's entries",
      says: /^extent tree of inode \d+: block \d+: its checksum/,
      poke: (bytes, { treeBlock }) => flip(bytes, treeBlock('/comb') + 1019),
    },
    {
      what: 'a name in a directory',
      says: /^directory inode \d+: file block 0: its checksum/,
      poke: (bytes, { block }) => flip(bytes, block('/usr/lib', 0) + 12 + 12 + 9),
    },
    {
      what: "a directory's checksum entry",
      says: /^directory inode \d+: file block 0: there is no room/,
      poke: (bytes, { block }) => {
        bytes[block('/usr/lib', 0) + 1019] = 0
      },
    },
    {
      what: 'the index of a directory',
      says: /^directory inode \d+: file block 0: its checksum/,
      poke: (bytes, { block }) => flip(bytes, block('/many', 0) + 44),
    },
    {
      what: 'names under an index',
      says: /^directory inode \d+: file block 3: its checksum/,
      poke: (bytes, { block }) => flip(bytes, block('/many', 3) + 500),
    },
    {
      what: 'inodes in use where none ever were',
      says: /^inode bitmap of group 1: inode 51\d is in use among those/,
      poke: (bytes, { filesystem }) => {
        const { superblock, groups } = filesystem
        const { offset } = groups.home(1)
        const at = 2048 + offset
        // All but one of the used ones are called never used, in a descriptor that is otherwise right.
        putU16(bytes, at + 0x1c, superblock.inodesPerGroup - 1)
        putU16(bytes, at + 0x1e, groupDescriptorChecksum(bytes.subarray(at, at + 64), 1, superblock))
      },
    },
    {
      what: 'an attribute block',
      says: /^extended attribute block \d+: its checksum/,
      poke: (bytes, { xattrBlock }) => flip(bytes, xattrBlock('/usr/lib/one') + 900),
    },
  ]

  const child = (bytes: Buffer, places: Places, path: string): number => places.inode(path) + 0x28 + 12 + 4

  const withoutChecksums: readonly Case[] = [
    {
      what: 'magic number',
      family: 'unsupported',
      says: /^not-ext4$/,
      poke: (bytes) => putU16(bytes, 1024 + 0x38, 0x1234),
    },
    {
      what: 'unknown incompatible feature',
      family: 'unsupported',
      says: /bit 25 \(0x2000000\)/,
      poke: (bytes) => putU32(bytes, 1024 + 0x60, bytes.readUInt32LE(1024 + 0x60) | 0x200_0000),
    },
    {
      what: 'unknown read-only feature',
      family: 'unsupported',
      says: /read-only compatible feature, bit 31/,
      poke: (bytes) => putU32(bytes, 1024 + 0x64, (bytes.readUInt32LE(1024 + 0x64) | 0x8000_0000) >>> 0),
    },
    {
      what: 'bigalloc',
      family: 'unsupported',
      says: /^feature-bigalloc$/,
      poke: (bytes) => putU32(bytes, 1024 + 0x64, bytes.readUInt32LE(1024 + 0x64) | 0x200),
    },
    {
      what: 'shared_blocks',
      family: 'unsupported',
      says: /^feature-shared_blocks$/,
      poke: (bytes) => putU32(bytes, 1024 + 0x64, bytes.readUInt32LE(1024 + 0x64) | 0x4000),
    },
    { what: 'block size', says: /^superblock 0: block size 2\^/, poke: (bytes) => putU32(bytes, 1024 + 0x18, 30) },
    { what: 'another block size', says: /^superblock 0: /, poke: (bytes) => putU32(bytes, 1024 + 0x18, 2) },
    {
      what: 'block count',
      says: /^superblock 0: it counts 99999 blocks/,
      poke: (bytes) => putU32(bytes, 1024 + 0x4, 99_999),
    },
    {
      what: 'blocks per group of zero',
      says: /^superblock 0: 0 blocks per group/,
      poke: (bytes) => putU32(bytes, 1024 + 0x20, 0),
    },
    { what: 'inodes per group', says: /^superblock 0: /, poke: (bytes) => putU32(bytes, 1024 + 0x28, 8) },
    {
      what: 'inode size',
      says: /^superblock 0: inodes of 300 bytes/,
      poke: (bytes) => putU16(bytes, 1024 + 0x58, 300),
    },
    {
      what: 'first inode',
      says: /^superblock 0: first unreserved inode 0/,
      poke: (bytes) => putU32(bytes, 1024 + 0x54, 0),
    },
    {
      what: 'descriptor size',
      says: /^superblock 0: group descriptors of 60 bytes/,
      poke: (bytes) => putU16(bytes, 1024 + 0xfe, 60),
    },
    {
      what: 'first meta group',
      says: /^superblock 0: first meta group/,
      poke: (bytes) => {
        putU32(bytes, 1024 + 0x60, bytes.readUInt32LE(1024 + 0x60) | 0x10)
        putU32(bytes, 1024 + 0x104, 7)
      },
    },
    {
      what: 'block bitmap outside',
      says: /^group descriptor 1: its block bitmap is at block 900000/,
      poke: (bytes) => putU32(bytes, 2048 + 64, 900_000),
    },
    {
      what: 'inode table at the very end',
      says: /^group descriptor 1: its inode table/,
      poke: (bytes) => putU32(bytes, 2048 + 64 + 8, 16 * 1024 - 2),
    },
    {
      what: 'two bitmaps in one place',
      says: /^fixed metadata at block \d+: belongs to both/,
      poke: (bytes) => bytes.copy(bytes, 2048 + 64, 2048, 2048 + 4),
    },
    {
      what: 'inode table marked free',
      says: /^block bitmap of group 0: the .* at block \d+ is marked free/,
      poke: (bytes, { filesystem }) => {
        bytes[filesystem.groups.get(0).blockBitmap * 1024 + Math.floor(filesystem.groups.get(0).inodeTable / 8)] = 0
      },
    },
    {
      what: "a file's block marked free",
      family: 'refused',
      says: /^marked-free$/,
      poke: (bytes, { filesystem, block }) => {
        const at = block('/boot/vmlinuz', 0) / 1024 - 1
        bytes[filesystem.groups.get(Math.floor(at / 4096)).blockBitmap * 1024 + Math.floor((at % 4096) / 8)]! &= ~(
          1 <<
          (at % 8)
        )
      },
    },
    {
      what: 'a block that two files claim',
      family: 'refused',
      says: /^multiply-claimed$/,
      poke: (bytes, { inode, block }) =>
        putU32(bytes, inode('/tiny') + 0x28 + 12 + 8, block('/boot/vmlinuz', 3) / 1024),
    },
    {
      what: 'a file over the inode table',
      family: 'refused',
      says: /^multiply-claimed$/,
      poke: (bytes, { inode, filesystem }) =>
        putU32(bytes, inode('/tiny') + 0x28 + 12 + 8, filesystem.groups.get(0).inodeTable),
    },
    {
      what: 'an extent outside',
      says: /^extent tree of inode \d+: file block 0 is at block 77777777/,
      poke: (bytes, { inode }) => putU32(bytes, inode('/tiny') + 0x28 + 12 + 8, 77_777_777),
    },
    {
      what: 'an extent of no length',
      says: /^extent tree of inode \d+: the root: entry 0 has no length/,
      poke: (bytes, { inode }) => putU16(bytes, inode('/tiny') + 0x28 + 12 + 4, 0),
    },
    {
      what: 'an extent past the last file block',
      says: /^extent tree of inode \d+: the root: entry 0 ends beyond/,
      poke: (bytes, { inode }) => {
        putU32(bytes, inode('/boot/vmlinuz') + 0x28 + 12, 0xffff_ffff)
      },
    },
    {
      what: 'too many entries',
      says: /^extent tree of inode \d+: the root: 5 entries/,
      poke: (bytes, { inode }) => putU16(bytes, inode('/tiny') + 0x28 + 2, 5),
    },
    {
      what: 'room for more than there is',
      says: /^extent tree of inode \d+: the root: 1 entries in room for 400/,
      poke: (bytes, { inode }) => putU16(bytes, inode('/tiny') + 0x28 + 4, 400),
    },
    {
      what: 'a tree without a magic number',
      says: /^extent tree of inode \d+: the root: magic number 0x0/,
      poke: (bytes, { inode }) => putU16(bytes, inode('/tiny') + 0x28, 0),
    },
    {
      what: 'a tree deeper than trees are',
      says: /^extent tree of inode \d+: the root: depth 6/,
      poke: (bytes, { inode }) => putU16(bytes, inode('/comb') + 0x28 + 6, 6),
    },
    {
      what: 'a node of the wrong depth',
      says: /^extent tree of inode \d+: block \d+: depth 4 instead of/,
      poke: (bytes, { treeBlock }) => putU16(bytes, treeBlock('/comb') + 6, 4),
    },
    {
      what: 'a node outside',
      says: /^extent tree of inode \d+: a node is at block 55555555/,
      poke: (bytes, places) => putU32(bytes, child(bytes, places, '/comb'), 55_555_555),
    },
    {
      what: 'a node that is its own parent',
      says: /^extent tree of inode \d+: (block \d+ is in the tree twice|block \d+: depth)/,
      poke: (bytes, { treeBlock }) => putU32(bytes, treeBlock('/comb') + 12 + 4, treeBlock('/comb') / 1024),
    },
    {
      what: 'an index that goes backwards',
      says: /^extent tree of inode \d+: block \d+: entry 2 begins/,
      poke: (bytes, { treeBlock }) => putU32(bytes, treeBlock('/comb') + 12 + 24, 0),
    },
    {
      what: 'a leaf outside the range of its parent',
      says: /^extent tree of inode \d+: /,
      poke: (bytes, { treeBlock }) => putU32(bytes, treeBlock('/comb') + 12 + 12, 3),
    },
    {
      what: 'an index without entries',
      says: /^extent tree of inode \d+: block \d+: an index node without entries/,
      poke: (bytes, { treeBlock }) => putU16(bytes, treeBlock('/comb') + 2, 0),
    },
    {
      what: 'attributes outside',
      says: /^inode \d+: its attribute block is 66666666/,
      poke: (bytes, { inode }) => putU32(bytes, inode('/usr/lib/one') + 0x68, 66_666_666),
    },
    {
      what: 'attributes that are none',
      says: /^extended attribute block \d+: magic number/,
      poke: (bytes, { xattrBlock }) => putU32(bytes, xattrBlock('/usr/lib/one'), 5),
    },
    {
      what: 'attributes of nobody',
      says: /^extended attribute block \d+: nobody/,
      poke: (bytes, { xattrBlock }) => putU32(bytes, xattrBlock('/usr/lib/one') + 4, 0),
    },
    {
      what: 'an entry of no length',
      says: /^directory inode \d+: the entry at byte 12: a length of 0/,
      poke: (bytes, { block }) => putU16(bytes, block('/usr/lib', 0) + 12 + 4, 0),
    },
    {
      what: 'an entry longer than the block',
      says: /^directory inode \d+: the entry at byte 12: a length of 2000/,
      poke: (bytes, { block }) => putU16(bytes, block('/usr/lib', 0) + 12 + 4, 2000),
    },
    {
      what: 'an entry of odd length',
      says: /^directory inode \d+: the entry at byte 12: a length of 14/,
      poke: (bytes, { block }) => putU16(bytes, block('/usr/lib', 0) + 12 + 4, 14),
    },
    {
      what: 'a name longer than its entry',
      says: /^directory inode \d+: the entry at byte 24: a name of 200/,
      poke: (bytes, { block }) => {
        bytes[block('/usr/lib', 0) + 24 + 6] = 200
      },
    },
    {
      what: 'an entry for an inode that is not',
      says: /^directory inode \d+: the entry at byte 24: it names inode 70000/,
      poke: (bytes, { block }) => putU32(bytes, block('/usr/lib', 0) + 24, 70_000),
    },
    {
      what: 'a name with a slash',
      says: /^directory inode \d+: the entry at byte 24: its name/,
      poke: (bytes, { block }) => {
        bytes[block('/usr/lib', 0) + 24 + 8] = 0x2f
      },
    },
    {
      what: 'a directory of half a block',
      says: /^directory inode \d+: its size of 1000/,
      poke: (bytes, { inode }) => putU32(bytes, inode('/usr/lib') + 4, 1000),
    },
    {
      what: 'a name for a free inode',
      says: /^inode \d+: it is marked free, but "\/usr\/lib\/deep\/er\/and\/deeper\/file" leads to it/,
      poke: (bytes, { filesystem, numberOf }) => {
        const bit = numberOf('/usr/lib/deep/er/and/deeper/file') - 1
        bytes[filesystem.groups.get(Math.floor(bit / 512)).inodeBitmap * 1024 + Math.floor((bit % 512) / 8)]! &= ~(
          1 <<
          (bit % 8)
        )
      },
    },
    {
      what: 'a link of a megabyte',
      says: /^symlink inode \d+: its target is 1000000/,
      poke: (bytes, { inode }) => putU32(bytes, inode('/slow-link') + 4, 1_000_000),
    },
  ]

  const list: readonly [string, () => Places, readonly Case[]][] = [
    ['with checksums', () => checked, withChecksums],
    ['without', () => plain, withoutChecksums],
  ]
  for (const [title, places, cases] of list) {
    describe(title, () => {
      for (const { what, family = 'corrupt', says, poke } of cases) {
        it(`${what}: ${family}`, async () => {
          const error = await errorAfter(places(), (bytes) => poke(bytes, places()))
          expect(`${error.family} ${error.message}`, error.message).to.satisfy(
            () => error.family === family && (says.test(error.message) || says.test(error.code)),
          )
          if (family === 'corrupt') {
            expect(error.exitCode).to.equal(6)
            expect(error.number).to.be.a('number')
            expect(error.structure).to.be.a('string')
          } else expect(error.exitCode).to.equal(5)
        })
      }
    })
  }

  it('circles of directories end', async () => {
    const bytes = Buffer.from(plain.bytes)
    // /usr/lib/deep holds itself instead of er.
    putU32(bytes, plain.block('/usr/lib/deep', 0) + 24, plain.numberOf('/usr/lib/deep'))
    const volume = await ImageVolume.open(await Filesystem.open(new MemoryStore(bytes)))
    expect((await volume.paths([plain.numberOf('/tiny'), 999_999])).size).to.equal(1)
    expect((await volume.lookup('/usr/lib/deep/er/er/er'))?.file.path).to.equal('/usr/lib/deep/er/er/er')
  })

  it('many directories on the same blocks are not all read', async () => {
    const bytes = Buffer.from(plain.bytes)
    const { filesystem, inode } = plain
    // Every entry of the large directory becomes a directory with that directory's own blocks.
    const many = bytes.subarray(inode('/many'), inode('/many') + 128)
    const directory = await filesystem.readInode(plain.numberOf('/many'))
    const entries: number[] = []
    await visitDirectory(filesystem, directory, (block, number, _type, start) => {
      entries.push(number)
      block[start - 1] = 2
    })
    for (const number of entries) {
      const { block, offset } = filesystem.inodeHome(number)
      many.copy(bytes, block * 1024 + offset)
    }
    for (const { physical, length } of (await readFileMap(filesystem, directory)).extents) {
      for (let i = 0; i < length; i++) bytes.set(await filesystem.blocks.read(physical + i), (physical + i) * 1024)
    }
    const volume = await ImageVolume.open(await Filesystem.open(new MemoryStore(bytes)))
    const error = await volume.paths([999_999]).then(
      () => undefined,
      (reason: unknown) => reason as BootpackError,
    )
    expect(error?.family).to.equal('corrupt')
    expect(error?.message).to.match(/^directory inode \d+: it shares its blocks/)
    filesystem.blocks.forget(0, 1e9)
  })

  it('many files on the same tree are not all read', async () => {
    const bytes = Buffer.from(plain.bytes)
    const { filesystem, inode } = plain
    const comb = bytes.subarray(inode('/comb'), inode('/comb') + 128)
    await visitDirectory(filesystem, await filesystem.readInode(plain.numberOf('/many')), (_block, number) => {
      const { block, offset } = filesystem.inodeHome(number)
      comb.copy(bytes, block * 1024 + offset)
    })
    const volume = await ImageVolume.open(await Filesystem.open(new MemoryStore(bytes)))
    const error = await volume.owners(blockRun(1, 100)).then(
      () => undefined,
      (reason: unknown) => reason as BootpackError,
    )
    expect([error?.code, error?.message]).to.deep.equal([
      'multiply-claimed',
      'The files claim more blocks than the filesystem has.',
    ])
  })

  it('many changed bytes anywhere in the metadata: an error of ours or none, in bounded time (seed 5)', async function () {
    this.timeout(30_000)
    const random = new Random(5)
    const spots: (() => number)[] = [
      () => 1024 + random.below(1024),
      () => 2048 + random.below(4 * 64),
      () =>
        plain.inode(random.pick(['/comb', '/usr/lib', '/tiny', '/many', '/slow-link', '/usr/lib/one'])) +
        random.below(0x80),
      () => plain.treeBlock('/comb') + random.below(200),
      () => plain.block('/many', random.below(5)) + random.below(1024),
      () => plain.block('/usr/lib', 0) + random.below(100),
      () => plain.filesystem.groups.get(0).inodeBitmap * 1024 + random.below(256),
      () => plain.filesystem.groups.get(0).blockBitmap * 1024 + random.below(1024),
    ].map((spot) => {
      const known = Array.from({ length: 40 }, spot)
      return () => random.pick(known)
    })
    let noticed = 0
    const bytes = Buffer.from(plain.bytes)
    for (let round = 0; round < 200; round++) {
      const before = Array.from({ length: 1 + random.below(3) }, () => {
        const at = random.pick(spots)()
        bytes[at] = random.pick([0, 1, 0xff, 0x80, random.below(256)])
        return at
      })
      const start = Date.now()
      try {
        await readAll(bytes)
      } catch (error) {
        expect(error, `bytes ${before.join(', ')}`).to.be.instanceOf(BootpackError)
        expect((error as BootpackError).family).to.be.oneOf(['corrupt', 'refused', 'unsupported', 'io'])
        noticed++
      }
      for (const at of before) bytes[at] = plain.bytes[at]!
      expect(Date.now() - start, `bytes ${before.join(', ')}`).to.be.lessThan(5000)
    }
    expect(noticed).to.be.greaterThan(40)
  })

  it('reading never writes', async () => {
    const bytes = Buffer.from(checked.bytes)
    await readAll(bytes)
    expect(bytes.equals(checked.bytes)).to.equal(true)
    const filesystem = await Filesystem.open(new MemoryStore(bytes))
    const inode = await filesystem.readInode(checked.numberOf('/comb'))
    expect((await readFileMap(filesystem, inode)).treeBlocks.length).to.be.greaterThan(8)
    let names = 0
    await visitDirectory(filesystem, await filesystem.readInode(2), () => {
      names++
    })
    expect(names).to.be.greaterThan(10)
  })
})
