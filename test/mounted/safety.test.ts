import { expect } from 'chai'
import { killRounds } from '../crash/live-kill.js'
import { stress } from '../crash/live-stress.js'
import { needLoopMounts, needTools } from '../support/tools.js'

describe('live: nothing lost', function () {
  this.timeout(180_000)
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)

  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'e2fsck', 'python3', 'find')
    console.log(`      seed ${seed}`)
  })

  // test/crash/live-stress.ts runs this for as long as one likes.
  it('while others write', async () => {
    const result = await stress(4, seed)
    expect(result.writersMismatches).to.deep.equal([])
    expect(result.stillDifferences).to.deep.equal([])
    expect(result.settingsKept).to.equal(true)
    // Files that change are skipped one by one; none of them refuses a packing.
    expect(result.refusals).to.deep.equal({})
    expect(result.writes).to.be.above(100)
    expect(result.rounds + result.packings).to.be.above(0)
    console.log(
      `      ${result.writes} writes, ${result.rounds} rounds ${JSON.stringify(result.moves)}, ${result.packings} packings ${JSON.stringify(result.refusals)}`,
    )
  })

  // test/crash/live-kill.ts does many.
  it('after kill -9 and power cuts, and a second run finishes', async () => {
    const result = await killRounds(3, seed)
    expect(result.failures).to.deep.equal([])
    expect(result.powerCuts).to.be.above(0)
    console.log(`      ${result.rounds} rounds, ${result.killedAtWork} killed at work, ${result.powerCuts} power cuts`)
  })
})
