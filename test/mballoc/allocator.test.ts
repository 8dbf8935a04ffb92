import { expect } from 'chai'
import { BootpackError } from '../../src/errors.js'
import { fsBlock } from '../../src/layout/block.js'
import { blockRun, type BlockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import { Allocator } from '../../src/mballoc/allocator.js'
import { FreeSpace, inPieces } from '../../src/mballoc/free-space.js'
import type { AllocationFlags, AllocationRequest } from '../../src/mballoc/request.js'

const shape = { blockCount: 320, firstDataBlock: 0, blocksPerGroup: 32 }
const exact: AllocationFlags = { fixedLength: true, contiguous: true }

const allocatorOf = (...runs: [start: number, length: number][]): Allocator =>
  Allocator.of(
    shape,
    runs.map(([start, length]) => blockRun(start, length)),
  )

const request = (
  goal: number,
  length: number,
  flags: AllocationFlags = exact,
  more: Partial<AllocationRequest> = {},
): AllocationRequest => ({ goal: fsBlock(goal), length, flags, ...more })

const pairs = (runs: readonly BlockRun[] | undefined): number[][] | undefined =>
  runs?.map((run) => [run.start, run.length])

const failure = (act: () => unknown): BootpackError => {
  try {
    act()
  } catch (error) {
    if (error instanceof BootpackError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('the allocator', () => {
  describe('the modes of sys_allocate', () => {
    const holes: [number, number][] = [
      [10, 3],
      [20, 5],
      [40, 8],
    ]

    it('FIXED_START: begins at the goal or not at all', () => {
      expect(pairs(allocatorOf(...holes).allocate(request(21, 3, { ...exact, fixedStart: true })))).to.deep.equal([
        [21, 3],
      ])
      expect(allocatorOf(...holes).allocate(request(21, 5, { ...exact, fixedStart: true }))).to.equal(undefined)
      expect(allocatorOf(...holes).allocate(request(19, 1, { ...exact, fixedStart: true }))).to.equal(undefined)
      expect(
        pairs(allocatorOf(...holes).allocate(request(21, 9, { fixedStart: true, contiguous: true }))),
      ).to.deep.equal([[21, 4]])
      expect(
        pairs(allocatorOf(...holes).allocate(request(21, 9, { fixedStart: true, fixedLength: true }))),
      ).to.deep.equal([
        [21, 4],
        [40, 5],
      ])
    })

    it('FIXED_LEN: exactly the length or nothing, and nothing is then changed', () => {
      const allocator = allocatorOf(...holes)
      expect(allocator.allocate(request(0, 17, { fixedLength: true }))).to.equal(undefined)
      expect(allocator.freeBlocks).to.equal(16)
      allocator.checkInvariants()
      const runs = allocator.allocate(request(0, 16, { fixedLength: true }))!
      expect(runs.reduce((sum, run) => sum + run.length, 0)).to.equal(16)
      expect(allocator.freeBlocks).to.equal(0)
    })

    it('without FIXED_LEN: as many as there are', () => {
      const runs = allocatorOf(...holes).allocate(request(0, 100, {}))!
      expect(runs.reduce((sum, run) => sum + run.length, 0)).to.equal(16)
      expect(allocatorOf().allocate(request(0, 1, {}))).to.equal(undefined)
    })

    it('CONTIGUOUS: one run', () => {
      expect(pairs(allocatorOf(...holes).allocate(request(0, 8)))).to.deep.equal([[40, 8]])
      expect(allocatorOf(...holes).allocate(request(0, 9))).to.equal(undefined)
      expect(allocatorOf(...holes).allocate(request(0, 9, { contiguous: true }))).to.have.length(1)
    })

    it('keeps to the region and out of what is forbidden', () => {
      const within = blockRun(18, 24)
      expect(pairs(allocatorOf(...holes).allocate(request(0, 2, exact, { within })))).to.deep.equal([[20, 2]])
      expect(allocatorOf(...holes).allocate(request(0, 6, exact, { within }))).to.equal(undefined)
      const forbid = RunSet.of([blockRun(0, 42)])
      expect(pairs(allocatorOf(...holes).allocate(request(0, 6, exact, { forbid })))).to.deep.equal([[42, 6]])
      expect(allocatorOf(...holes).allocate(request(0, 1, exact, { within: blockRun(320, 10) }))).to.equal(undefined)
    })
  })

  describe('the criteria', () => {
    it('take the goal first, even out of the middle of a hole', () => {
      const allocator = allocatorOf([64, 32])
      expect(pairs(allocator.allocate(request(70, 5)))).to.deep.equal([[70, 5]])
      expect(allocator.counters.goal).to.equal(1)
    })

    it('power2: the smallest aligned chunk, so that large ones stay whole', () => {
      const allocator = allocatorOf([32, 16], [52, 4])
      expect(pairs(allocator.allocate(request(31, 4)))).to.deep.equal([[52, 4]])
      expect(allocator.counters.power2).to.equal(1)
    })

    it('goal-fast: passes by a group of dust that does have one hole', () => {
      const allocator = allocatorOf([32, 1], [34, 1], [36, 1], [38, 1], [40, 6], [64, 7])
      expect(pairs(allocator.allocate(request(31, 5)))).to.deep.equal([[64, 5]])
      expect(allocator.counters['goal-fast']).to.equal(1)
    })

    it('goal-slow: finds that hole when there is no better group', () => {
      const allocator = allocatorOf([32, 1], [34, 1], [36, 1], [38, 1], [40, 6])
      expect(pairs(allocator.allocate(request(31, 5)))).to.deep.equal([[40, 5]])
      expect(allocator.counters['goal-slow']).to.equal(1)
    })

    it('best-avail: trims a request that may be trimmed by at most three orders', () => {
      const runs = allocatorOf([32, 4]).allocate(request(0, 31, { contiguous: true }))
      expect(pairs(runs)).to.deep.equal([[32, 4]])
      const allocator = allocatorOf([32, 2])
      expect(pairs(allocator.allocate(request(0, 31, { contiguous: true })))).to.deep.equal([[32, 2]])
      expect(allocator.counters).to.include({ 'best-avail': 1 })
      const dust = allocatorOf([32, 1])
      expect(pairs(dust.allocate(request(0, 31, { contiguous: true })))).to.deep.equal([[32, 1]])
      expect(dust.counters).to.include({ 'best-avail': 0, any: 1 })
    })

    it('power2 and goal-fast look only a few groups either way; goal-slow everywhere', () => {
      const far = (): Allocator =>
        new Allocator({
          geometry: shape,
          loadGroup: (group) => (group === 3 ? [blockRun(97, 7)] : []),
          fastGroups: 2,
        })
      const [near, beyond] = [far(), far()]
      expect(pairs(near.allocate(request(32, 4)))).to.deep.equal([[100, 4]])
      expect(pairs(beyond.allocate(request(31, 4)))).to.deep.equal([[97, 4]])
      expect(near.counters).to.include({ power2: 1, 'goal-slow': 0 })
      expect(beyond.counters).to.include({ power2: 0, 'goal-slow': 1 })
    })

    it('search forward from the goal, then backward', () => {
      const allocator = allocatorOf([0, 5], [100, 5], [300, 5])
      expect(pairs(allocator.allocate(request(135, 5)))).to.deep.equal([[300, 5]])
      expect(pairs(allocator.allocate(request(135, 5)))).to.deep.equal([[100, 5]])
      expect(pairs(allocator.allocate(request(135, 5)))).to.deep.equal([[0, 5]])
      expect(allocator.allocate(request(135, 5))).to.equal(undefined)
    })
  })

  describe('holes that cross group boundaries', () => {
    it('serve a length larger than a group', () => {
      const allocator = allocatorOf([30, 100])
      expect(pairs(allocator.allocate(request(0, 100)))).to.deep.equal([[30, 100]])
      expect(allocator.freeBlocks).to.equal(0)
      allocator.checkInvariants()
    })

    it('are found from a goal in their middle, where neither half is enough', () => {
      expect(pairs(allocatorOf([40, 85]).allocate(request(80, 84)))).to.deep.equal([[41, 84]])
      expect(pairs(allocatorOf([64, 60], [30, 34]).allocate(request(70, 90)))).to.deep.equal([[34, 90]])
      expect(pairs(allocatorOf([40, 85]).allocate(request(80, 84, exact, { strategy: 'best-fit' })))).to.deep.equal([
        [41, 84],
      ])
    })

    it('are given back across the boundary too', () => {
      const allocator = allocatorOf()
      allocator.free(blockRun(60, 10))
      allocator.checkInvariants()
      expect(allocator.largestFree()).to.deep.equal(blockRun(60, 10))
      expect(allocator.freeRuns(blockRun(0, 320))).to.deep.equal([blockRun(60, 10)])
    })
  })

  describe('best fit', () => {
    const bestFit = (goal: number, length: number, near: number, flags = exact): AllocationRequest =>
      request(goal, length, flags, { strategy: 'best-fit', near })

    it('prefers the smallest hole among the near ones, and the nearest of equals', () => {
      const holes: [number, number][] = [
        [50, 20],
        [100, 6],
        [130, 5],
        [200, 5],
      ]
      expect(pairs(allocatorOf(...holes).allocate(bestFit(45, 5, 0)))).to.deep.equal([[50, 5]])
      expect(pairs(allocatorOf(...holes).allocate(bestFit(45, 5, 60)))).to.deep.equal([[100, 5]])
      expect(pairs(allocatorOf(...holes).allocate(bestFit(45, 5, 1000)))).to.deep.equal([[130, 5]])
    })

    it('cuts a larger hole at the end nearer to the goal', () => {
      expect(pairs(allocatorOf([50, 20]).allocate(bestFit(100, 5, 0)))).to.deep.equal([[65, 5]])
      expect(pairs(allocatorOf([50, 20]).allocate(bestFit(3, 5, 0)))).to.deep.equal([[50, 5]])
      expect(pairs(allocatorOf([50, 20]).allocate(bestFit(58, 5, 0)))).to.deep.equal([[65, 5]])
    })

    it('uses as few runs as can be when no hole is long enough', () => {
      const allocator = allocatorOf([10, 3], [20, 9], [100, 2], [300, 8])
      expect(pairs(allocator.allocate(bestFit(0, 19, 320, { fixedLength: true })))).to.deep.equal([
        [20, 9],
        [100, 2],
        [300, 8],
      ])
    })
  })

  describe('giving back', () => {
    it('freeLater keeps blocks out of reach until commit', () => {
      const allocator = allocatorOf([5, 3])
      allocator.freeLater(blockRun(100, 10))
      expect(allocator.pendingBlocks).to.equal(10)
      expect(allocator.isFree(blockRun(100, 1))).to.equal(false)
      expect(allocator.allocate(request(100, 4))).to.equal(undefined)
      expect(failure(() => allocator.free(blockRun(109, 2))).code).to.equal('already-free')
      expect(failure(() => allocator.freeLater(blockRun(95, 6))).code).to.equal('already-free')
      allocator.checkInvariants()
      allocator.commit()
      expect(allocator.pendingBlocks).to.equal(0)
      expect(pairs(allocator.allocate(request(100, 4)))).to.deep.equal([[100, 4]])
    })

    it('refuses a double free and marking what is used, changing nothing', () => {
      const allocator = allocatorOf([30, 10])
      expect(failure(() => allocator.free(blockRun(25, 6)))).to.include({ family: 'usage', code: 'already-free' })
      expect(failure(() => allocator.markUsed(blockRun(38, 3)))).to.include({ family: 'usage', code: 'not-free' })
      expect(allocator.freeRuns(blockRun(0, 320))).to.deep.equal([blockRun(30, 10)])
    })
  })

  describe('bad requests', () => {
    for (const length of [0, -1, NaN, 1.5, Infinity]) {
      it(`length ${length}: a usage error`, () => {
        expect(failure(() => allocatorOf([0, 9]).allocate(request(0, length)))).to.include({
          family: 'usage',
          code: 'bad-request',
        })
      })
    }

    for (const goal of [-1, 320, 0.5, NaN]) {
      it(`goal ${goal}: a usage error`, () => {
        expect(failure(() => allocatorOf([0, 9]).allocate(request(goal, 1)))).to.include({
          family: 'usage',
          code: 'bad-request',
        })
      })
    }

    it('goal 0 where the first data block is 1; runs outside; a broken region', () => {
      const allocator = Allocator.of({ ...shape, firstDataBlock: 1 }, [blockRun(1, 9)])
      expect(failure(() => allocator.allocate(request(0, 1))).family).to.equal('usage')
      expect(failure(() => allocator.markUsed(blockRun(0, 2))).family).to.equal('usage')
      expect(failure(() => allocator.isFree(blockRun(318, 3))).family).to.equal('usage')
      expect(failure(() => allocator.allocate(request(1, 1, exact, { within: blockRun(1, 0) }))).family).to.equal(
        'usage',
      )
      expect(failure(() => allocator.allocate(request(1, 1, exact, { near: NaN }))).family).to.equal('usage')
    })

    it('a length no disk has is simply not there', () => {
      expect(allocatorOf([0, 320]).allocate(request(0, 321))).to.equal(undefined)
      expect(allocatorOf([0, 320]).allocate(request(0, 2 ** 50))).to.equal(undefined)
      expect(pairs(allocatorOf([0, 320]).allocate(request(0, 2 ** 50, {})))).to.deep.equal([[0, 320]])
    })

    it('an impossible geometry', () => {
      for (const broken of [
        { blocksPerGroup: 0 },
        { blocksPerGroup: 2 ** 24 },
        { blockCount: 0 },
        { firstDataBlock: -1 },
        { blockCount: NaN },
      ]) {
        expect(failure(() => Allocator.of({ ...shape, ...broken }, [])).code, JSON.stringify(broken)).to.equal(
          'bad-geometry',
        )
      }
      expect(failure(() => Allocator.of({ ...shape, blockCount: 2 ** 48 }, [])).code).to.equal('too-many-groups')
    })
  })

  it('takes groups larger than a bitmap block in equal pieces, and others as they are', () => {
    for (const blocksPerGroup of [1, 32768, 2 ** 19, 2 ** 19 + 1, 2 ** 24, 12_345_678]) {
      const whole = { blockCount: 2 ** 21, firstDataBlock: 0, blocksPerGroup }
      const pieces = inPieces(whole)
      if (blocksPerGroup <= 2 ** 19) expect(pieces).to.equal(whole)
      expect(Math.ceil(blocksPerGroup / pieces.blocksPerGroup), `${blocksPerGroup}`).to.equal(
        Math.ceil(blocksPerGroup / 2 ** 19),
      )
      expect(pairs(Allocator.of(pieces, [blockRun(5, 7)]).allocate(request(5, 7)))).to.deep.equal([[5, 7]])
    }
  })

  describe('loading groups when they are needed', () => {
    /** 1 TiB of 4 KiB blocks; of each group that is not full the second half is free. */
    const huge = { blockCount: 2 ** 28, firstDataBlock: 0, blocksPerGroup: 32768 }
    const lazy = (full: (group: number) => boolean): { allocator: Allocator; loaded: number[] } => {
      const loaded: number[] = []
      const allocator = new Allocator({
        geometry: huge,
        loadGroup: (group) => {
          loaded.push(group)
          return full(group) ? [] : [blockRun(group * 32768 + 16384, 16384)]
        },
        freeCount: (group) => (full(group) ? 0 : 16384),
      })
      return { allocator, loaded }
    }

    it('loads only the groups a request looks into', () => {
      const { allocator, loaded } = lazy((group) => group !== 5000)
      expect(pairs(allocator.allocate(request(7, 1000)))).to.deep.equal([[5000 * 32768 + 16384, 1000]])
      expect(loaded).to.deep.equal([5000])
      expect(pairs(allocator.allocate(request(7, 1024)))).to.deep.equal([[5000 * 32768 + 17384, 1024]])
      expect(loaded).to.deep.equal([5000])
    })

    it('loads the goal group and what its free run may go on into', () => {
      const { allocator, loaded } = lazy(() => false)
      allocator.allocate(request(4096 * 32768 + 20000, 100))
      expect(loaded).to.deep.equal([4096])
      allocator.allocate(request(100, 100, exact, { strategy: 'best-fit' }))
      expect(loaded.length).to.be.lessThan(6)
    })

    it('loads nothing for a request its counts deny', () => {
      const { allocator, loaded } = lazy(() => false)
      expect(allocator.allocate(request(0, 40000))).to.equal(undefined)
      expect(loaded).to.deep.equal([])
      expect(allocator.freeBlocks).to.equal(8192 * 16384)
      expect(loaded).to.deep.equal([])
    })

    it('keeps a bounded number of unchanged groups', () => {
      const space = new FreeSpace({
        geometry: shape,
        loadGroup: (group) => [blockRun(group * 32 + 3, 5)],
        groupsInMemory: 3,
      })
      for (let group = 0; group < 10; group++) space.group(group)
      expect(space.loadedGroups).to.equal(3)
      space.take(blockRun(3, 5))
      for (let group = 0; group < 10; group++) space.group(group)
      expect(space.loadedGroups).to.equal(3)
      expect(space.isFree(blockRun(3, 5))).to.equal(false)
      space.checkInvariants()
    })

    it('notices a loader that changes its mind', () => {
      let length = 5
      const space = new FreeSpace({
        geometry: shape,
        loadGroup: (group) => [blockRun(group * 32, length)],
        groupsInMemory: 1,
      })
      space.group(0)
      space.group(1)
      length = 6
      expect(failure(() => space.group(0)).message).to.contain('6 free blocks')
    })

    it('does not believe a free count its bitmap denies', () => {
      const lying = (count: number, runs: [number, number][]): Allocator =>
        new Allocator({
          geometry: shape,
          loadGroup: (group) => (group === 3 ? runs.map(([start, length]) => blockRun(start, length)) : []),
          freeCount: (group) => (group === 3 ? count : 0),
        })
      const cases: [number, [number, number][], string][] = [
        [32, [[96, 31]], 'its bitmap has 31 free blocks, its descriptor says 32'],
        [
          5,
          [
            [96, 3],
            [98, 2],
          ],
          'overlaps',
        ],
        [5, [[95, 5]], 'not inside'],
        [5, [[97, NaN]], 'not inside'],
        [5, [[126, 5]], 'not inside'],
      ]
      for (const [count, runs, message] of cases) {
        const error = failure(() => lying(count, runs).allocate(request(0, 2, {})))
        expect(error).to.include({ family: 'corrupt', structure: 'block group', number: 3 })
        expect(error.message).to.contain(message)
      }
      // Full by its count: taken for granted to skip it, never to give it out.
      expect(failure(() => lying(32, []).allocate(request(96, 32))).family).to.equal('corrupt')
      expect(failure(() => lying(32, []).isFree(blockRun(96, 32))).family).to.equal('corrupt')
      expect(failure(() => lying(32, []).largestFree()).family).to.equal('corrupt')
      // A run that begins in an honest group and goes on into a lying one: nothing is taken by halves.
      const honest = new Allocator({
        geometry: shape,
        loadGroup: (group) => (group === 2 ? [blockRun(90, 6)] : []),
        freeCount: (group) => (group === 2 ? 6 : group === 3 ? 32 : 0),
      })
      for (const act of [
        (): unknown => honest.find(request(0, 38)),
        (): unknown => honest.allocate(request(0, 38)),
        (): unknown => honest.largestFree(),
        (): unknown => honest.markUsed(blockRun(90, 38)),
      ])
        expect(failure(act)).to.include({ family: 'corrupt', number: 3 })
      expect(honest.isFree(blockRun(90, 6))).to.equal(true)
      honest.checkInvariants()
      expect(failure(() => lying(33, [])).family).to.equal('corrupt')
      expect(failure(() => lying(NaN, [])).family).to.equal('corrupt')
    })
  })
})
