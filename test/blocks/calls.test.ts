/** Jan Kara's calls, sentence by sentence of the mail, on every engine there is here. */
import { expect } from 'chai'
import { BootpackError } from '../../src/errors.js'
import { ALLOC_CONTIGUOUS, ALLOC_FIXED_LEN, ALLOC_FIXED_START, allocate } from '../../src/blocks/allocate.js'
import type { SpaceFile } from '../../src/volume/block-space.js'
import { getFreeBlocks } from '../../src/blocks/get-free-blocks.js'
import { movedata } from '../../src/blocks/movedata.js'
import type { Extent } from '../../src/layout/extent.js'
import { needLoopMounts, needTools } from '../support/tools.js'
import { ext3Features } from '../support/varied-image.js'
import { dataBlocks, dataText, imageStage, liveStage, type Stage, type StageOptions } from './stage.js'

async function code(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    if (error instanceof BootpackError) return error.code
    throw error
  }
  return 'no error'
}

const blocksOf = (extents: readonly Extent[]): Map<number, number> =>
  new Map(
    extents.flatMap(({ logical, physical, length }) =>
      Array.from({ length }, (_, i): [number, number] => [logical + i, physical + i]),
    ),
  )

const engines: Readonly<Record<string, (options?: StageOptions) => Promise<Stage>>> = {
  'ext4-image': imageStage,
  'ext4-image with files mapped by indirect blocks': (options) => imageStage({ features: ext3Features, ...options }),
  'ext4-live': liveStage,
}

for (const [engine, makeStage] of Object.entries(engines)) {
  describe(`the block-moving calls on ${engine}`, () => {
    let stage: Stage
    let bs: number
    let data: SpaceFile
    let space: SpaceFile
    before(function () {
      needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'filefrag')
      if (engine === 'ext4-live') needLoopMounts(this)
    })
    beforeEach(async function () {
      stage = await makeStage()
      bs = stage.blockSize
      data = await stage.open('data')
      space = await stage.open('space')
    })
    afterEach(async () => {
      await data.close()
      await space.close()
      await stage.finish()
    })

    /** The longest run of free space, in blocks. */
    async function longestFree(): Promise<{ start: number; length: number }> {
      const { blockCount } = stage.space.geometry()
      const [longest] = (await getFreeBlocks(stage.space, 0, blockCount * bs, 100_000)).sort((a, b) => b.len - a.len)
      return { start: longest!.start / bs, length: longest!.len / bs }
    }

    describe('movedata', () => {
      it('"takes blocks used to carry data starting at offset from of length len in spacefd and places them instead of corresponding blocks in datafd"; "Data is copied from datafd to newly spliced data blocks"', async () => {
        const { start } = await longestFree()
        space.position = 2 * bs
        expect(
          await allocate(space, ALLOC_FIXED_START | ALLOC_FIXED_LEN | ALLOC_CONTIGUOUS, start * bs, 4 * bs),
        ).to.equal(4 * bs)
        const before = blocksOf(await stage.layout('data'))
        await movedata(data, space, 2 * bs, 4 * bs)
        const after = blocksOf(await stage.layout('data'))
        for (const [logical, physical] of before) {
          expect(after.get(logical), `file block ${logical}`).to.equal(
            logical >= 2 && logical < 6 ? start + logical - 2 : physical,
          )
        }
        expect(after.size).to.equal(before.size)
        expect((await stage.content('data')).equals(dataText(bs)), 'contents').to.equal(true)
        expect((await stage.layout('data')).some(({ unwritten }) => unwritten)).to.equal(false)
      })

      it('"If spacefd contains a hole in the specified interval, a hole is created also in datafd in the corresponding place"', async () => {
        const { start } = await longestFree()
        await allocate(space, ALLOC_FIXED_START | ALLOC_FIXED_LEN, start * bs, 2 * bs)
        space.position = 4 * bs
        await allocate(space, ALLOC_FIXED_START | ALLOC_FIXED_LEN, (start + 100) * bs, 2 * bs)
        const old = blocksOf(await stage.layout('data'))
        await movedata(data, space, 0, 6 * bs)
        const now = blocksOf(await stage.layout('data'))
        expect([0, 1, 2, 3, 4, 5, 6].map((logical) => now.get(logical))).to.deep.equal([
          start,
          start + 1,
          undefined,
          undefined,
          start + 100,
          start + 101,
          old.get(6),
        ])
        const expected = dataText(bs)
        expected.fill(0, 2 * bs, 4 * bs)
        expect((await stage.content('data')).equals(expected), 'contents').to.equal(true)
      })

      it('"A data block from spacefd and also replace a hole in datafd - zeros are copied to such data block"', async () => {
        const { start } = await longestFree()
        space.position = 7 * bs
        await allocate(space, ALLOC_FIXED_START | ALLOC_FIXED_LEN, start * bs, 6 * bs)
        await movedata(data, space, 7 * bs, 6 * bs)
        const now = blocksOf(await stage.layout('data'))
        for (let logical = 7; logical < 13; logical++)
          expect(now.get(logical), `file block ${logical}`).to.equal(start + logical - 7)
        expect((await stage.content('data')).equals(dataText(bs)), 'contents').to.equal(true)
      })

      it('brings zeros even from a block that held something else', async () => {
        const other = await stage.open('other')
        const [there] = await stage.layout('other')
        // /data has a hole at 8 to 11; /other is written at 0 to 2 only, so grow it over the hole.
        other.position = 8 * bs
        const { start } = await longestFree()
        await allocate(other, ALLOC_FIXED_START | ALLOC_FIXED_LEN, start * bs, 2 * bs)
        await movedata(data, other, 8 * bs, 2 * bs)
        await movedata(data, other, 0, 3 * bs)
        const now = blocksOf(await stage.layout('data'))
        expect([0, 1, 2].map((logical) => now.get(logical))).to.deep.equal([0, 1, 2].map((i) => there!.physical + i))
        expect((await stage.content('data')).equals(dataText(bs)), 'contents').to.equal(true)
        expect((await stage.layout('other')).length, 'blocks left to the other').to.equal(0)
        expect((await stage.content('other')).equals(Buffer.alloc(10 * bs)), 'the other is all holes').to.equal(true)
        await other.close()
      })

      it('"from and len should be multiples of filesystem block size (otherwise EINVAL is returned)"', async () => {
        for (const [from, len] of [
          [1, bs],
          [0, bs + 1],
          [bs / 2, bs],
          [-bs, bs],
          [0, -bs],
          [Number.NaN, bs],
          [0, 1.5],
        ] as const) {
          expect(await code(movedata(data, space, from, len)), `from ${from}, len ${len}`).to.equal('EINVAL')
        }
      })

      it('"Data blocks from datafd in the interval are released, a hole is created in spacefd"', async () => {
        const { start } = await longestFree()
        await allocate(space, ALLOC_FIXED_START | ALLOC_FIXED_LEN, start * bs, 8 * bs)
        const old = [...blocksOf(await stage.layout('data'))]
          .filter(([logical]) => logical >= 1 && logical < 5)
          .map(([, physical]) => physical)
        for (const block of old) expect(await stage.inUse(block), `block ${block} before`).to.equal(true)
        await movedata(data, space, 1 * bs, 4 * bs)
        for (const block of old) expect(await stage.inUse(block), `block ${block} after`).to.equal(false)
        const left = blocksOf(await stage.layout('space'))
        expect([...left.keys()]).to.deep.equal([0, 5, 6, 7])
        expect(await space.size(), 'size of the space file').to.equal(8 * bs)
      })

      it('"The call returns either 0 (success) or an error code": for one file twice, two filesystems, more than there is', async () => {
        expect(await code(movedata(data, data, 0, bs))).to.equal('EINVAL')
        const second = await makeStage()
        const elsewhere = await second.open('space')
        expect(await code(movedata(data, elsewhere, 0, bs))).to.equal('EXDEV')
        await elsewhere.close()
        await second.finish()
        expect(await code(movedata(data, space, 0, (dataBlocks + 1) * bs))).to.equal('EINVAL')
        expect(await code(movedata(data, space, 0, 0))).to.equal('no error')
        expect((await stage.content('data')).equals(dataText(bs)), 'contents').to.equal(true)
      })

      it('takes the half-filled last block', async () => {
        const { start } = await longestFree()
        space.position = (dataBlocks - 2) * bs
        await allocate(space, ALLOC_FIXED_START | ALLOC_FIXED_LEN, start * bs, 2 * bs)
        await movedata(data, space, (dataBlocks - 2) * bs, 2 * bs)
        expect(blocksOf(await stage.layout('data')).get(dataBlocks - 1)).to.equal(start + 1)
        expect((await stage.content('data')).equals(dataText(bs)), 'contents').to.equal(true)
      })

      it('stops between steps when asked to', async () => {
        const controller = new AbortController()
        controller.abort()
        expect(await code(movedata(data, space, 0, bs, { signal: controller.signal }))).to.equal('EINTR')
        expect((await stage.content('data')).equals(dataText(bs)), 'contents').to.equal(true)
      })
    })

    describe('allocate', () => {
      it('"Allocate new space to file fd at offset defined by file position"', async () => {
        space.position = 5 * bs
        expect(await allocate(space, 0, 0 + stage.space.geometry().firstDataBlock * bs, 3 * bs)).to.equal(3 * bs)
        expect([...blocksOf(await stage.layout('space')).keys()]).to.deep.equal([5, 6, 7])
        expect((await stage.content('space')).equals(Buffer.alloc(8 * bs)), 'zeros').to.equal(true)
        expect(space.position, 'the position stays').to.equal(5 * bs)
      })

      it('"Both file offset and len should be a multiple of filesystem block size"', async () => {
        const goal = 100 * bs
        space.position = 1
        expect(await code(allocate(space, 0, goal, bs))).to.equal('EINVAL')
        space.position = 0
        expect(await code(allocate(space, 0, goal, bs - 1))).to.equal('EINVAL')
        expect(await code(allocate(space, 0, goal, 0))).to.equal('EINVAL')
        expect(await code(allocate(space, 0, goal + 1, bs))).to.equal('EINVAL')
        expect(await code(allocate(space, 8, goal, bs))).to.equal('EINVAL')
        expect(await code(allocate(space, 0, stage.space.geometry().blockCount * bs, bs))).to.equal('EINVAL')
        expect(await stage.layout('space')).to.deep.equal([])
      })

      it('"The whole interval must not contain any allocated blocks"', async () => {
        const goal = (await longestFree()).start * bs
        data.position = 6 * bs
        expect(await code(allocate(data, 0, goal, 4 * bs))).to.equal('EEXIST')
        data.position = 8 * bs
        expect(await code(allocate(data, 0, goal, 5 * bs))).to.equal('EEXIST')
        const before = await stage.layout('data')
        expect(await allocate(data, ALLOC_FIXED_LEN, goal, 4 * bs), 'a hole is room').to.equal(4 * bs)
        expect(blocksOf(await stage.layout('data')).size).to.equal(blocksOf(before).size + 4)
        expect((await stage.content('data')).equals(dataText(bs)), 'contents').to.equal(true)
      })

      it('"If the interval extends past EOF, the file size is changed accordingly"', async () => {
        const goal = (await longestFree()).start * bs
        expect(await space.size()).to.equal(0)
        await allocate(space, 0, goal, 3 * bs)
        expect(await space.size()).to.equal(3 * bs)
        expect((await stage.content('space')).length).to.equal(3 * bs)
        data.position = 8 * bs
        await allocate(data, 0, goal, bs)
        expect(await data.size(), 'inside the file nothing changes').to.equal(dataText(bs).length)
      })

      it('"ALLOC_FIXED_START - allocation must start at goal"', async () => {
        const { start } = await longestFree()
        await allocate(space, ALLOC_FIXED_START, (start + 7) * bs, 3 * bs)
        expect((await stage.layout('space'))[0]!.physical).to.equal(start + 7)
        const used = (await stage.layout('data'))[0]!.physical
        space.position = 10 * bs
        expect(await code(allocate(space, ALLOC_FIXED_START, used * bs, bs))).to.equal('ENOSPC')
      })

      it('"if not specified, goal is just a hint where to start an allocation"', async () => {
        const used = (await stage.layout('data'))[0]!.physical
        expect(await allocate(space, 0, used * bs, 2 * bs)).to.equal(2 * bs)
        const [got] = await stage.layout('space')
        expect(Math.abs(got!.physical - used), 'and it is near').to.be.below(2000)
      })

      it('"ALLOC_FIXED_LEN - allocate exactly space for len; if not specified, upto len bytes may be allocated"', async () => {
        const { blockCount } = stage.space.geometry()
        const goal = (await longestFree()).start * bs
        const free = (await getFreeBlocks(stage.space, 0, blockCount * bs, 100_000)).reduce(
          (sum, { len }) => sum + len,
          0,
        )
        expect(await code(allocate(space, ALLOC_FIXED_LEN, goal, free + 100 * bs))).to.equal('ENOSPC')
        expect(await stage.layout('space'), 'nothing was kept').to.deep.equal([])
        expect(await allocate(space, ALLOC_FIXED_LEN, goal, 100 * bs)).to.equal(100 * bs)
      })

      it('"ALLOC_CONTINGUOUS - allocation must be one continguous run of blocks"', async () => {
        const { start, length } = await longestFree()
        expect(await code(allocate(space, ALLOC_CONTIGUOUS | ALLOC_FIXED_LEN, start * bs, (length + 1) * bs))).to.equal(
          'ENOSPC',
        )
        expect(await allocate(space, ALLOC_CONTIGUOUS | ALLOC_FIXED_LEN, start * bs, 200 * bs)).to.equal(200 * bs)
        expect((await stage.layout('space')).map((found) => found.length)).to.deep.equal([200])
        space.position = 200 * bs
        const got = await allocate(space, ALLOC_CONTIGUOUS | ALLOC_FIXED_START, (start + length - 3) * bs, 10 * bs)
        expect(got, 'as much as the run has').to.equal(3 * bs)
      })

      it('"If the allocation succeeds, number of allocated bytes is returned. Otherwise an error code is returned"', async () => {
        const { start } = await longestFree()
        expect(await allocate(space, 0, start * bs, 5 * bs)).to.equal(5 * bs)
        expect(blocksOf(await stage.layout('space')).size).to.equal(5)
        expect(await code(allocate(space, 0, start * bs, 5 * bs))).to.equal('EEXIST')
      })
    })

    describe('getFreeBlocks', () => {
      it('"Get a description of free space on a filesystem between start and end (in bytes, should be blocksize aligned)"', async () => {
        const { start, length } = await longestFree()
        expect(
          await getFreeBlocks(stage.space, (start + 2) * bs, (start + 7) * bs, 10),
          'cut at both ends',
        ).to.deep.equal([{ start: (start + 2) * bs, len: 5 * bs }])
        expect(await code(getFreeBlocks(stage.space, 1, 10 * bs, 10))).to.equal('EINVAL')
        expect(await code(getFreeBlocks(stage.space, 0, 10 * bs + 1, 10))).to.equal('EINVAL')
        expect(await code(getFreeBlocks(stage.space, 10 * bs, 0, 10))).to.equal('EINVAL')
        for (const block of [start, start + length - 1])
          expect(await stage.inUse(block), `block ${block}`).to.equal(false)
        const { blockCount, firstDataBlock } = stage.space.geometry()
        const free = new Set<number>()
        for (const run of await getFreeBlocks(stage.space, 0, blockCount * bs, 100_000)) {
          for (let block = run.start / bs; block < (run.start + run.len) / bs; block++) free.add(block)
        }
        for (let block = firstDataBlock + 1; block < blockCount; block += Math.floor(blockCount / 97))
          expect(free.has(block), `block ${block}`).to.equal(!(await stage.inUse(block)))
      })

      it('"Upto count extents are stored. Function returns a number of extents stored"', async () => {
        const { start } = await longestFree()
        // As many extents as need no tree block, which would lie somewhere near.
        for (let i = 0; i < 4; i++) {
          space.position = i * bs
          await allocate(space, ALLOC_FIXED_START, (start + 10 + 2 * i) * bs, bs)
        }
        const all = await getFreeBlocks(stage.space, start * bs, (start + 30) * bs, 100)
        expect(all.map((found) => found.start / bs - start)).to.deep.equal([0, 11, 13, 15, 17])
        expect(await getFreeBlocks(stage.space, start * bs, (start + 30) * bs, 3)).to.deep.equal(all.slice(0, 3))
        expect(await getFreeBlocks(stage.space, start * bs, (start + 30) * bs, 0)).to.deep.equal([])
        expect(await code(getFreeBlocks(stage.space, 0, bs, -1))).to.equal('EINVAL')
      })
    })

    it('opens regular files only', async () => {
      expect(await code(stage.space.open(stage.inode('/folder')))).to.equal('EISDIR')
      expect(await code(stage.space.open(5_000_000))).to.equal('ENOENT')
      expect(await code(stage.space.open(0))).to.equal('ENOENT')
    })

    it('changes nothing when opened for reading', async () => {
      const still = await makeStage({ readOnly: true })
      const [one, two] = [await still.open('data'), await still.open('space')]
      expect(await code(movedata(one, two, 0, still.blockSize))).to.equal('EROFS')
      expect(await code(allocate(two, 0, 100 * still.blockSize, still.blockSize))).to.equal('EROFS')
      await one.close()
      await two.close()
      await still.finish()
    })
  })
}
