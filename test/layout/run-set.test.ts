import { expect } from 'chai'
import { fsBlock } from '../../src/layout/block.js'
import { blockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import { Random } from '../support/random.js'

describe('RunSet', () => {
  it('agrees with a plain set of blocks under random operations', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = new Random(seed)
      const set = new RunSet()
      const plain = new Set<number>()
      for (let step = 0; step < 120; step++) {
        const run = blockRun(random.between(0, 200), random.between(1, 30))
        const blocks = Array.from({ length: run.length }, (_, i) => run.start + i)
        if (random.chance(0.55)) {
          set.add(run)
          blocks.forEach((block) => plain.add(block))
        } else {
          set.remove(run)
          blocks.forEach((block) => plain.delete(block))
        }
        const probe = blockRun(random.between(0, 220), random.between(1, 20))
        const inside = Array.from({ length: probe.length }, (_, i) => probe.start + i)
        const where = `seed ${seed} step ${step}`
        expect(set.blocks, where).to.equal(plain.size)
        expect(set.contains(probe), where).to.equal(inside.every((block) => plain.has(block)))
        expect(set.intersects(probe), where).to.equal(inside.some((block) => plain.has(block)))
        expect(set.has(fsBlock(probe.start)), where).to.equal(plain.has(probe.start))
        expect(
          [...set.within(probe)].flatMap((part) => Array.from({ length: part.length }, (_, i) => part.start + i)),
          where,
        ).to.deep.equal(inside.filter((block) => plain.has(block)))
        expect(
          [...set.missingFrom(probe)].flatMap((part) => Array.from({ length: part.length }, (_, i) => part.start + i)),
          where,
        ).to.deep.equal(inside.filter((block) => !plain.has(block)))
        const runs = [...set]
        runs.forEach((part, i) => {
          if (i > 0)
            expect(runs[i - 1]!.start + runs[i - 1]!.length, `${where}: runs never touch`).to.be.below(part.start)
        })
      }
    }
  })

  it('knows its longest run and none when empty', () => {
    expect(new RunSet().longest()).to.equal(undefined)
    expect(RunSet.of([blockRun(5, 2), blockRun(10, 7), blockRun(30, 3)]).longest()).to.deep.equal(blockRun(10, 7))
  })
})
