/** A small part of what `npm run two-at-once` plays, and that the harness would notice. */
import { expect } from 'chai'
import type { Context } from 'mocha'
import { needLoopMounts, needTools } from '../support/tools.js'
import { playLive } from './live.js'
import { playOffline } from './offline.js'
import type { RoundResult } from './round.js'

const problems = (results: readonly RoundResult[]): string[] =>
  results.flatMap(({ title, problem }) => (problem === undefined ? [] : [`${title}: ${problem}`]))

function needAll(context: Context): void {
  needLoopMounts(context)
  needTools(
    context,
    'mke2fs',
    'debugfs',
    'e2fsck',
    'resize2fs',
    'e4defrag',
    'losetup',
    'unshare',
    'fsfreeze',
    'python3',
  )
}

describe('two at once', function () {
  this.timeout(900_000)
  before(function () {
    needAll(this)
  })

  it('nothing is lost and nothing said that is not so when somebody comes in the middle, offline', async () => {
    const results = await playOffline({ rounds: 20, seed: Number(process.env['BOOTPACK_SEED'] ?? 7), kinds: 2 })
    expect(problems(results)).to.deep.equal([])
    expect(results).to.have.length(20)
    expect(
      results.filter(({ progress }) => progress !== 'bootpack was done').length,
      'rounds in which bootpack stood still in the middle',
    ).to.be.above(12)
  })

  it('nor mounted', async () => {
    const results = await playLive({ rounds: 5, seed: Number(process.env['BOOTPACK_SEED'] ?? 7) })
    expect(problems(results)).to.deep.equal([])
    expect(results).to.have.length(5)
  })

  it('the harness finds losses when the lock and the looks are taken away', async () => {
    const results = await playOffline({
      rounds: 30,
      seed: 3,
      kinds: 2,
      unguarded: true,
      only: 'mount-rw',
      untilFirst: true,
    })
    expect(problems(results)).to.have.length(1)
  })
})
