/**
 * The short part of the search for inputs that break something; test/fuzz/run.ts is
 * the long one. What it once found has its own case here.
 */
import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BootpackError } from '../../src/errors.js'
import { putU16, putU32 } from '../../src/bytes/little-endian.js'
import { fileBlock, fsBlock } from '../../src/layout/block.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { findFreeRuns } from '../../src/ext4/read/free-runs.js'
import { findFilesystem } from '../../src/ext4/engine/open-image.js'
import { Transaction } from '../../src/ext4/commit/transaction.js'
import { blockRun } from '../../src/layout/run.js'
import { debugfsWrite, makeImage } from '../support/images.js'
import type { MoveOutcome } from '../../src/volume/volume.js'
import { randomMoves } from '../support/random-moves.js'
import { Random } from '../support/random.js'
import { needTools, scratchFolder } from '../support/tools.js'
import { MemoryStore } from '../storage/memory-store.js'
import { makeBaseImages, type BaseImage, type Region, type RegionKind } from './base-image.js'
import { tryDisk } from './disk-target.js'
import { drive, openBytes } from './drive.js'
import { ImageFuzzer } from './image-fuzzer.js'
import { goodPlan, tryPlan, tryTrace } from './plan-target.js'
import { seal } from './seal.js'

/** Repeat with BOOTPACK_FUZZ_SEED. */
const seed = Number(process.env['BOOTPACK_FUZZ_SEED'] ?? Date.now() % 1e9)

describe('broken input', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  let bases: BaseImage[]
  before(async function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck')
    bases = await makeBaseImages()
  })
  after(() => scratch.remove())

  const regionOf = (base: BaseImage, kind: RegionKind, number?: number): Region =>
    base.regions.find((region) => region.kind === kind && (number === undefined || region.number === number))!
  const broken = (base: BaseImage, poke: (bytes: Uint8Array) => void): Uint8Array => {
    const bytes = base.bytes.slice()
    poke(bytes)
    seal(bytes, base)
    return bytes
  }

  it('is made from images that are good: nothing is changed by putting checksums right, and blocks can be moved', async () => {
    for (const base of bases) {
      const bytes = broken(base, () => {})
      expect(Buffer.compare(bytes, base.bytes), base.name).to.equal(0)
      const { verdict, codes } = await drive(bytes, base, 1)
      expect({ verdict, codes }, base.name).to.deep.equal({ verdict: 'moved', codes: [] })
    }
  })

  it('in every structure of an image ends in one of our errors, or changes no contents', async () => {
    const fuzzer = new ImageFuzzer(bases, {
      seed,
      guided: true,
      checkEvery: 15,
      scratch: scratch.path,
      longest: 10_000,
    })
    const end = performance.now() + 12_000
    while (performance.now() < end && fuzzer.failures.length === 0) await fuzzer.step()
    fuzzer.close()
    expect(fuzzer.failures, `seed ${seed}`).to.deep.equal([])
    expect(fuzzer.tried).to.be.greaterThan(20)
    expect(fuzzer.kept, 'inputs that reached new code').to.be.greaterThan(10)
  })

  it('in partition tables and containers ends in one of our errors', async () => {
    const random = new Random(seed)
    for (let round = 0; round < 1500; round++) {
      const own = random.below(0x1_0000_0000)
      await tryDisk(new Random(own)).catch((error: unknown) => {
        throw new Error(`tryDisk(new Random(${own}))`, { cause: error })
      })
    }
  })

  it('in plans and traces ends in one of our errors, and changes no contents', async () => {
    const random = new Random(seed)
    const plan = await goodPlan(bases[0]!)
    for (let round = 0; round < 60; round++) {
      const own = random.below(0x1_0000_0000)
      await tryTrace(new Random(own), bases[0]!).catch((error: unknown) => {
        throw new Error(`tryTrace(new Random(${own}))`, { cause: error })
      })
      await tryPlan(new Random(own), bases[0]!, plan).catch((error: unknown) => {
        throw new Error(`tryPlan(new Random(${own}))`, { cause: error })
      })
    }
  })

  describe('once found', () => {
    /** The error of moving everything that can be moved. */
    async function errorOfMoving(base: BaseImage, bytes: Uint8Array): Promise<BootpackError | undefined> {
      const volume = await openBytes(new MemoryStore(bytes, true), true)
      try {
        for (let round = 0; round < 5; round++) {
          for await (const outcome of volume.relocate(await randomMoves(volume, new Random(round), 40), {
            reserved: [],
          }))
            void outcome
        }
      } catch (error) {
        expect(error, String(error)).to.be.instanceOf(BootpackError)
        return error as BootpackError
      } finally {
        await volume.close()
      }
      return undefined
    }

    it('a superblock that counts more free blocks than there are', async () => {
      const base = bases[0]!
      const filesystem = await Filesystem.open(
        new MemoryStore(
          broken(base, (bytes) => putU32(bytes, 1024 + 0x158, 21)),
          true,
        ),
      )
      const [free] = await findFreeRuns(filesystem, fsBlock(0), fsBlock(2600))
      const transaction = new Transaction(filesystem)
      await transaction.take(blockRun(free!.start, 1))
      let error: unknown
      await transaction
        .commit({
          capacity: Infinity,
          ready: () => Promise.resolve(),
          commit: () => Promise.resolve(),
          close: () => Promise.resolve(),
        })
        .catch((thrown: unknown) => {
          error = thrown
        })
      expect(error)
        .to.be.instanceOf(BootpackError)
        .with.property('message')
        .that.matches(/^superblock 0: it counts 9019\d+ free blocks of 2600/)
    })

    it('a group that counts fewer free blocks than its bitmap has', async () => {
      const base = bases[0]!
      const error = await errorOfMoving(
        base,
        broken(base, (bytes) => {
          for (const { offset } of base.regions.filter(({ kind }) => kind === 'descriptor'))
            putU16(bytes, offset + 0xc, 1)
        }),
      )
      expect(error?.message).to.match(/^group descriptor \d: it counts 1 free blocks, its bitmap has \d+/)
    })

    it('an attribute block of two files that counts one', async () => {
      const base = bases[0]!
      const { offset, number } = regionOf(base, 'xattr')
      const block = fsBlock(offset / 1024)
      const other = base.regions.find((region) => region.kind === 'inode' && region.number > number)!
      const bytes = broken(base, (image) => putU32(image, other.offset + 0x68, block))
      const volume = await openBytes(new MemoryStore(bytes, true), true)
      const [free] = await volume.freeRuns(fsBlock(0), fsBlock(2600))
      const move = {
        inode: number,
        kind: 'xattr' as const,
        logical: fileBlock(0),
        length: 1,
        from: block,
        to: free!.start,
      }
      const outcomes: MoveOutcome[] = []
      for await (const outcome of volume.relocate([move], { reserved: [] })) outcomes.push(outcome)
      expect(outcomes).to.deep.equal([
        { move, status: 'skipped', reason: 'shared-xattr', detail: 'it counts 1, and 2 were found' },
      ])
      for (const inode of [number, other.number])
        expect((await volume.metadata((await volume.byInode(inode))!)).xattr).to.equal(block)
      await volume.close()
    })

    it('a partition that begins behind the end of the disk', async () => {
      const disk = Buffer.alloc(64 * 1024)
      disk.writeUInt16LE(0xaa55, 510)
      disk[446 + 4] = 0x83
      disk.writeUInt32LE(1000, 446 + 8)
      disk.writeUInt32LE(1000, 446 + 12)
      let error: unknown
      await findFilesystem(new MemoryStore(disk), 'cut-off.img').catch((thrown: unknown) => {
        error = thrown
      })
      expect(error).to.be.instanceOf(BootpackError).with.property('family').that.is.oneOf(['usage', 'unsupported'])
    })
  })

  it('in the form of directories nested without end gives no names that nobody can use', async () => {
    const path = join(scratch.path, 'nested.img')
    makeImage(path, { size: 16 << 20, blockSize: 1024, more: ['-N', '2000'] })
    const name = 'n'.repeat(255)
    debugfsWrite(path, [
      ...Array.from({ length: 600 }, () => [`mkdir ${name}`, `cd ${name}`]).flat(),
      'cd /',
      'mkdir short',
    ])
    const volume = await openBytes(new MemoryStore(new Uint8Array(readFileSync(path))), false)
    const paths = await volume.paths(Array.from({ length: 2000 }, (_, i) => i + 1))
    const longest = Math.max(...[...paths.values()].map((each) => each.length))
    expect(longest).to.equal(15 * 256)
    expect([...paths.values()]).to.include('/short')
    expect(
      (await volume.owners(blockRun(0, 16384))).filter(({ kind }) => kind === 'directory').length,
    ).to.be.greaterThan(600)
  })

  it('that points in circles costs no more than what is there', async () => {
    const base = bases[0]!
    const comb = base.regions.filter(({ kind }) => kind === 'tree-block')
    const root = regionOf(base, 'inode', comb[0]!.number)
    const cases: [string, (bytes: Uint8Array) => void][] = [
      [
        'an extent tree that holds its own node',
        (bytes) => {
          // Every node points at the first one.
          for (const { offset } of comb)
            if (bytes[offset + 6] !== 0) putU32(bytes, offset + 12 + 4, comb[0]!.offset / 1024)
        },
      ],
      [
        'a tree as deep as can be',
        (bytes) => {
          putU16(bytes, root.offset + 0x28 + 6, 5)
        },
      ],
      [
        'a directory that is its own child',
        (bytes) => {
          for (const { offset, number } of base.regions.filter(({ kind }) => kind === 'directory'))
            putU32(bytes, offset + 24, number)
        },
      ],
      [
        'all directories with the same blocks',
        (bytes) => {
          const directories = base.regions.filter(({ kind }) => kind === 'directory')
          const first = regionOf(base, 'inode', directories[0]!.number)
          for (const { number } of directories)
            bytes.copyWithin(regionOf(base, 'inode', number).offset + 0x28, first.offset + 0x28, first.offset + 0x64)
        },
      ],
      [
        'all files with the same blocks',
        (bytes) => {
          for (const { offset, number } of base.regions)
            if (number > 12 && offset !== root.offset)
              bytes.copyWithin(offset + 0x28, root.offset + 0x28, root.offset + 0x64)
        },
      ],
      [
        'directories and files of exbibytes',
        (bytes) => {
          for (const { offset, number, kind } of base.regions)
            if (kind === 'inode' && number > 11) {
              putU32(bytes, offset + 4, 0xffff_fffe)
              putU32(bytes, offset + 0x6c, 0x7fffffff)
            }
        },
      ],
    ]
    for (const [what, poke] of cases) {
      const began = performance.now()
      const { codes } = await drive(broken(base, poke), base, 7)
      expect(performance.now() - began, what).to.be.below(10_000)
      expect(codes, what).to.not.deep.equal([])
    }
  })
})
