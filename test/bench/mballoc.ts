/**
 * What the allocator costs: node --import tsx test/bench/mballoc.ts [IMAGE]
 *
 * All in one run, so that the ratios hold on any machine:
 * - 50,000 requests on a disk of 2 M blocks with more than 10,000 free runs;
 * - the first of them again by a pass over all free runs, and by the brute-force
 *   allocator of the property tests; their answers must be the same;
 * - a disk of 1 TiB, loaded group by group;
 * - with IMAGE, the free space of a real filesystem, as dumpe2fs lists it.
 */
import { spawnSync } from 'node:child_process'
import { fsBlock } from '../../src/layout/block.js'
import { blockRun, type BlockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import { Allocator } from '../../src/mballoc/allocator.js'
import type { AllocationRequest } from '../../src/mballoc/request.js'
import { BruteForce, type Shape } from '../mballoc/brute-force.js'
import { Random } from '../support/random.js'

const shape: Shape = { blockCount: 2 ** 21, firstDataBlock: 0, blocksPerGroup: 32768 }

/** Used and free stretches of random length, mostly short, as on an aged disk. */
function agedRuns(random: Random): BlockRun[] {
  const runs: BlockRun[] = []
  const stretch = (mean: number): number => 1 + Math.floor(-mean * Math.log(1 - random.fraction()))
  for (let at = stretch(120); at < shape.blockCount;) {
    const length = Math.min(stretch(random.chance(0.02) ? 600 : 40), shape.blockCount - at)
    runs.push(blockRun(at, length))
    at += length + stretch(120)
  }
  return runs
}

function requests(
  random: Random,
  count: number,
  strategy: 'criteria' | 'best-fit',
  blockCount: number,
): AllocationRequest[] {
  return Array.from({ length: count }, () => ({
    goal: fsBlock(random.below(blockCount)),
    length: random.chance(0.5) ? random.between(1, 8) : random.between(1, 60),
    flags: { fixedLength: true, contiguous: true },
    strategy,
  }))
}

/** Allocates for every request; once `keep` runs are held, gives back an old one for each new one. */
function serve(
  allocator: Allocator,
  all: readonly AllocationRequest[],
  keep: number,
): { seconds: number; none: number } {
  const held: BlockRun[] = []
  let none = 0
  const begin = performance.now()
  for (const [i, request] of all.entries()) {
    const runs = allocator.allocate(request)
    if (runs) held.push(...runs)
    else none++
    if (held.length > keep) {
      const old = i % held.length
      allocator.freeLater(held[old]!)
      held[old] = held.pop()!
    }
    if (i % 100 === 99) allocator.commit()
  }
  return { seconds: (performance.now() - begin) / 1000, none }
}

/** Best fit as a planner would write it without an allocator: one look at each free run. */
function byPass(free: RunSet, request: AllocationRequest): BlockRun | undefined {
  const distance = (run: BlockRun): number =>
    run.start > request.goal ? run.start - request.goal : Math.max(0, request.goal - (run.start + run.length - 1))
  let nearest = Infinity
  for (const run of free) if (run.length >= request.length) nearest = Math.min(nearest, distance(run))
  let best: BlockRun | undefined
  for (const run of free) {
    if (run.length < request.length || distance(run) > nearest + shape.blocksPerGroup) continue
    if (
      !best ||
      run.length < best.length ||
      (run.length === best.length &&
        (distance(run) < distance(best) || (distance(run) === distance(best) && run.start > best.start)))
    )
      best = run
  }
  if (!best) return undefined
  const late = best.start + best.length - request.length
  const run = blockRun(
    Math.abs(late - request.goal) <= Math.abs(best.start - request.goal) ? late : best.start,
    request.length,
  )
  free.remove(run)
  return run
}

function microseconds(count: number, act: (i: number) => void): number {
  const begin = performance.now()
  for (let i = 0; i < count; i++) act(i)
  return ((performance.now() - begin) * 1000) / count
}

function compare(runs: readonly BlockRun[], strategy: 'criteria' | 'best-fit'): void {
  const all = requests(new Random(7), 2000, strategy, shape.blockCount)
  const answers: (BlockRun | undefined)[] = []
  const allocator = Allocator.of(shape, runs)
  allocator.freeRuns(blockRun(0, shape.blockCount)) // loading is not what is compared
  const ours = microseconds(all.length, (i) => answers.push(allocator.allocate(all[i]!)?.[0]))
  const same = (i: number, run: BlockRun | undefined): void => {
    if (run?.start !== answers[i]?.start)
      throw new Error(`request ${i}: ${JSON.stringify(run)}, the allocator said ${JSON.stringify(answers[i])}`)
  }
  if (strategy === 'best-fit') {
    const free = RunSet.of(runs)
    const pass = microseconds(all.length, (i) => same(i, byPass(free, all[i]!)))
    console.log(
      `  a pass over all free runs: ${pass.toFixed(0)} us per request, ${(pass / ours).toFixed(0)} times the allocator's ${ours.toFixed(1)} us`,
    )
  }
  const bits = new Array<boolean>(shape.blockCount).fill(false)
  for (const run of runs) bits.fill(true, run.start, run.start + run.length)
  const brute = new BruteForce(shape, bits)
  const slow = microseconds(5, (i) => same(i, brute.allocate(all[i]!)?.[0]))
  console.log(
    `  brute force: ${(slow / 1e6).toFixed(2)} s per request, ${(slow / ours).toExponential(1)} times the allocator's ${ours.toFixed(1)} us`,
  )
}

function dumpedRuns(image: string): { shape: Shape; runs: BlockRun[] } {
  const { stdout } = spawnSync('dumpe2fs', [image], { encoding: 'utf8', maxBuffer: 2 ** 30 })
  const figure = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(stdout)![1])
  const runs = [...stdout.matchAll(/^ {2}Free blocks: (.*)$/gm)].flatMap((line) =>
    line[1]!
      .split(', ')
      .filter((text) => text !== '')
      .map((text) => {
        const [first, last] = text.split('-').map(Number)
        return blockRun(first!, (last ?? first!) - first! + 1)
      }),
  )
  return {
    shape: {
      blockCount: figure('Block count'),
      firstDataBlock: figure('First block'),
      blocksPerGroup: figure('Blocks per group'),
    },
    runs,
  }
}

const runs = agedRuns(new Random(1))
const blocks = runs.reduce((sum, run) => sum + run.length, 0)
console.log(`2 M blocks, ${runs.length} free runs of ${(blocks / runs.length).toFixed(1)} blocks on average`)
for (const strategy of ['best-fit', 'criteria'] as const) {
  const { seconds, none } = serve(
    Allocator.of(shape, runs),
    requests(new Random(2), 50_000, strategy, shape.blockCount),
    15_000,
  )
  console.log(
    `${strategy}: 50,000 requests in ${seconds.toFixed(2)} s, groups loaded on the way; ${none} found no hole`,
  )
  compare(runs, strategy)
}

const huge = { blockCount: 2 ** 28, firstDataBlock: 0, blocksPerGroup: 32768 }
for (const strategy of ['best-fit', 'criteria'] as const) {
  const random = new Random(3)
  const begin = performance.now()
  const allocator = new Allocator({
    geometry: huge,
    // One group in twenty has room: dust, and 400 blocks together.
    loadGroup: (group) =>
      group % 20 !== 7
        ? []
        : [
            ...Array.from({ length: 100 }, (_, i) => blockRun(group * 32768 + 300 * i, 1 + (i % 7))),
            blockRun(group * 32768 + 32000, 400),
          ],
    freeCount: (group) =>
      group % 20 !== 7 ? 0 : 100 + Array.from({ length: 100 }, (_, i) => i % 7).reduce((a, b) => a + b) + 400,
  })
  let none = 0
  for (let i = 0; i < 1000; i++) {
    const near = 4000 * 32768 + random.below(20 * 32768)
    if (
      !allocator.allocate({
        goal: fsBlock(near),
        length: random.between(1, 60),
        flags: { fixedLength: true, contiguous: true },
        strategy,
      })
    )
      none++
  }
  console.log(
    `1 TiB, 8192 groups, ${strategy}: 1,000 requests near one goal in ${((performance.now() - begin) / 1000).toFixed(2)} s, ${allocator.groupLoads} groups loaded, ${none} found no hole`,
  )
}

const image = process.argv[2]
if (image !== undefined) {
  const real = dumpedRuns(image)
  const allocator = Allocator.of(real.shape, real.runs)
  console.log(
    `${image}: ${allocator.freeBlocks} of ${real.shape.blockCount} blocks free in ${RunSet.of(real.runs).size} runs, the longest ${allocator.largestFree()?.length}`,
  )
  for (const strategy of ['best-fit', 'criteria'] as const) {
    const { seconds, none } = serve(
      Allocator.of(real.shape, real.runs),
      requests(new Random(4), 50_000, strategy, real.shape.blockCount),
      2000,
    )
    console.log(`${strategy}: 50,000 requests in ${seconds.toFixed(2)} s; ${none} found no hole`)
  }
}
