/** Random sequences of operations, each answer compared with a brute-force allocator. */
import { expect } from 'chai'
import { fsBlock } from '../../src/layout/block.js'
import { blockRun, type BlockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import { Allocator } from '../../src/mballoc/allocator.js'
import { criteria } from '../../src/mballoc/criteria.js'
import type { AllocationRequest } from '../../src/mballoc/request.js'
import { BruteForce, type Shape } from './brute-force.js'
import type { Random } from '../support/random.js'
import { forSeeds } from './seeds.js'

const shapes: readonly Shape[] = [
  { blockCount: 256, firstDataBlock: 0, blocksPerGroup: 32 },
  { blockCount: 205, firstDataBlock: 1, blocksPerGroup: 32 }, // the last group has 12 blocks
  { blockCount: 1 + 8 * 24 + 1, firstDataBlock: 1, blocksPerGroup: 24 }, // not a power of two; the last group has 1 block
  { blockCount: 20, firstDataBlock: 0, blocksPerGroup: 64 }, // one group, not whole
  { blockCount: 300, firstDataBlock: 0, blocksPerGroup: 8 },
  { blockCount: 500, firstDataBlock: 1, blocksPerGroup: 128 },
]

/** Free space as it is found: clean stretches, dust, and groups with nothing free or nothing used. */
function ageDisk(random: Random, shape: Shape): boolean[] {
  const free = new Array<boolean>(shape.blockCount).fill(false)
  const roomy = random.pick([0, 0, 0, 0.5, 0.8])
  for (let start = shape.firstDataBlock; start < shape.blockCount; start += shape.blocksPerGroup) {
    const kind = random.chance(roomy) ? 'empty' : random.pick(['dust', 'dust', 'runs', 'runs', 'full', 'empty'])
    let state = random.chance(0.5)
    for (let block = start; block < Math.min(start + shape.blocksPerGroup, shape.blockCount); block++) {
      if (kind === 'dust') state = random.chance(0.4)
      if (kind === 'runs' && random.chance(0.12)) state = !state
      free[block] = kind === 'full' ? false : kind === 'empty' ? true : state
    }
  }
  return free
}

function randomRun(random: Random, shape: Shape, longest: number): BlockRun {
  const start = random.between(shape.firstDataBlock, shape.blockCount - 1)
  return blockRun(start, Math.min(random.between(1, longest), shape.blockCount - start))
}

function randomRequest(random: Random, shape: Shape): AllocationRequest {
  const longest = random.pick([2, 8, 24, shape.blocksPerGroup, 3 * shape.blocksPerGroup])
  return {
    goal: fsBlock(random.between(shape.firstDataBlock, shape.blockCount - 1)),
    length: random.chance(0.4) ? 2 ** random.between(0, 5) : random.between(1, longest),
    flags: { fixedStart: random.chance(0.15), fixedLength: random.chance(0.5), contiguous: random.chance(0.6) },
    ...(random.chance(0.2) ? { within: randomRun(random, shape, shape.blockCount) } : {}),
    ...(random.chance(0.3) ? { forbid: RunSet.of([1, 2, 3].map(() => randomRun(random, shape, 20))) } : {}),
    ...(random.chance(0.4)
      ? ({ strategy: 'best-fit', near: random.pick([0, 5, shape.blocksPerGroup, 1000]) } as const)
      : {}),
  }
}

function lazyAllocator(random: Random, shape: Shape, free: readonly boolean[], fastGroups: number): Allocator {
  const original = new BruteForce(shape, free)
  const tellCounts = random.pick([0, 0.5, 1])
  const inMemory = random.pick([1, 3, 1000])
  return new Allocator({
    geometry: shape,
    loadGroup: (group) => original.freeRuns(...original.bounds(group)).map((run) => blockRun(run.start, run.length)),
    freeCount: (group) =>
      random.chance(tellCounts)
        ? original.freeRuns(...original.bounds(group)).reduce((sum, run) => sum + run.length, 0)
        : undefined,
    groupsInMemory: inMemory,
    fastGroups,
  })
}

describe('the allocator against brute force', () => {
  it('gives the documented answer to every request, whatever is loaded, and keeps its invariants', () => {
    const found = new Map<string, number>()
    let refused = 0
    forSeeds(400, (random) => {
      const shape = random.pick(shapes)
      const free = ageDisk(random, shape)
      const fastGroups = random.pick([0, 1, 3, 16])
      const brute = new BruteForce(shape, free, fastGroups)
      const allocator = lazyAllocator(random, shape, free, fastGroups)
      const total = (): number => brute.free.filter(Boolean).length
      for (let step = 0; step < 40; step++) {
        const request = randomRequest(random, shape)
        const before = allocator.find(request)
        const answer = allocator.allocate(request)
        const story = `step ${step}: ${JSON.stringify({ shape, ...request, forbid: request.forbid && [...request.forbid] })}`
        const expected = brute.allocate(request)
        expect(answer, story).to.deep.equal(expected)
        expect(before, `find before ${story}`).to.deep.equal(expected)
        if (!expected) refused++
        else for (const by of brute.found) found.set(by, (found.get(by) ?? 0) + 1)
        allocator.checkInvariants()

        const run = randomRun(random, shape, 12)
        const kind = random.pick(['free', 'freeLater', 'markUsed', 'commit', 'none'])
        if (kind === 'commit') {
          allocator.commit()
          for (const [block, waiting] of brute.waiting.entries()) if (waiting) brute.free[block] = true
          brute.waiting.fill(false)
        } else if (kind === 'free' || kind === 'freeLater') {
          const waits = brute.waiting.slice(run.start, run.start + run.length).includes(true)
          if (waits || !brute.all(run, false)) expect(() => allocator[kind](run)).to.throw('not all in use')
          else {
            allocator[kind](run)
            if (kind === 'free') brute.set(run, true)
            else brute.waiting.fill(true, run.start, run.start + run.length)
          }
        } else if (kind === 'markUsed') {
          if (!brute.all(run, true)) expect(() => allocator.markUsed(run)).to.throw('not all free')
          else {
            allocator.markUsed(run)
            brute.set(run, false)
          }
        }
        expect(allocator.isFree(run)).to.equal(brute.all(run, true))
        allocator.checkInvariants()
        expect(allocator.pendingBlocks).to.equal(brute.waiting.filter(Boolean).length)
        if (random.chance(0.1)) {
          const longest = brute
            .freeRuns(shape.firstDataBlock, shape.blockCount)
            .reduce<{ start: number; length: number } | undefined>(
              (best, next) => (!best || next.length > best.length ? next : best),
              undefined,
            )
          expect(allocator.largestFree()).to.deep.equal(longest)
        }
        if (random.chance(0.1)) expect(allocator.freeBlocks).to.equal(total())
      }
      const whole = blockRun(shape.firstDataBlock, shape.blockCount - shape.firstDataBlock)
      expect(allocator.freeRuns(whole)).to.deep.equal(brute.freeRuns(shape.firstDataBlock, shape.blockCount))
      const sum = Object.values(allocator.counters).reduce((a, b) => a + b, 0)
      expect(sum).to.be.greaterThan(0)
    })
    // The sequences must have gone everywhere, else they show little.
    if (process.env['BOOTPACK_SEED'] === undefined) {
      for (const by of [...criteria, 'fixed-start', 'best-fit', 'longest'])
        expect(found.get(by) ?? 0, by).to.be.greaterThan(50)
      expect(refused).to.be.greaterThan(100)
    }
  })
})
