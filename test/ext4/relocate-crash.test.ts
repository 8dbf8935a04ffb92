import { expect } from 'chai'
import { CrashRun } from '../crash/crash-run.js'
import { crashVarieties } from '../crash/crash-varieties.js'
import { needLoopMounts, needTools, scratchFolder } from '../support/tools.js'

/** A taste of test/crash/crash-test.ts, which tries thousands. */
describe('relocate, when the power is cut', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())
  before(function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'dumpe2fs')
  })

  for (const [index, variety] of crashVarieties.entries()) {
    it(`loses nothing: ${variety.name}`, async function () {
      this.timeout(180_000)
      if (variety.used) needLoopMounts(this)
      const run = await CrashRun.record({ variety, seed: 4000 + index, folder: scratch.path })
      expect(run.transactions).to.be.greaterThan(2)
      const lost: string[] = []
      for (let point = 0; point < 13; point++) {
        const problem = run.tryOnce('e2fsck')
        if (problem !== undefined) lost.push(problem)
      }
      expect(lost).to.deep.equal([])
    })
  }

  for (const index of [1, 3]) {
    it(`loses nothing when inodes change their numbers: ${crashVarieties[index]!.name}`, async function () {
      this.timeout(180_000)
      const run = await CrashRun.record({
        variety: crashVarieties[index]!,
        seed: 4200 + index,
        folder: scratch.path,
        capacity: 32,
        exchangesPerRound: 15,
        movesPerRound: 5,
        roundsPerSession: 2,
      })
      expect(run.renumbered).to.be.greaterThan(20)
      const lost: string[] = []
      for (let point = 0; point < 8; point++) {
        const problem = run.tryOnce('e2fsck')
        if (problem !== undefined) lost.push(problem)
      }
      expect(lost).to.deep.equal([])
    })
  }

  it('would be noticed if flushes were left out', async function () {
    this.timeout(180_000)
    const run = await CrashRun.record({
      variety: crashVarieties[1]!,
      seed: 4100,
      folder: scratch.path,
      withoutFlushes: true,
    })
    const lost: string[] = []
    for (let point = 0; point < 60 && lost.length === 0; point++) {
      const problem = run.tryOnce('e2fsck')
      if (problem !== undefined) lost.push(problem)
    }
    expect(lost).to.have.length(1)
  })
})
