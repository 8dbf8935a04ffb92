import { expect } from 'chai'
import { parsePlan } from '../../src/plan/plan-file.js'

/** A plan without moves, as 0.1.0 wrote it. */
const old = (gaps: readonly unknown[], skipped: readonly unknown[]): string =>
  JSON.stringify({
    bootpack: 'plan',
    version: 1,
    volume: { target: 'disk.img', uuid: 'u', blockSize: 4096, blockCount: 1000, fingerprint: 'f' },
    goal: { block: 10, chosenBy: 'flag' },
    runs: [{ start: 10, length: 20 }],
    gaps,
    rounds: [],
    skipped,
    cost: { placedBlocks: 0, evictedBlocks: 0, stagedBlocks: 0, bytesWritten: 0 },
    measure: { before: {}, predicted: {} },
  })
const skip = (reason: string): unknown => ({ inode: 12, kind: 'directory', reason, blocks: 3 })

describe('a plan read back from its file', () => {
  it('is understood with the reasons and causes that version 0.1.0 wrote', () => {
    const { gaps, skipped } = parsePlan(
      old(
        [{ start: 14, length: 2, cause: 'inode-table, engine' }],
        [skip('engine'), skip('busy'), skip('boot-loader')],
      ),
    )
    expect(gaps).to.deep.equal([{ start: 14, length: 2, causes: ['inode-table', 'mounted'] }])
    expect(skipped.map(({ reason }) => reason)).to.deep.equal(['mounted', 'running', 'boot-loader'])
  })

  it('is refused when it gives a reason or a cause that nobody knows', () => {
    expect(() => parsePlan(old([], [skip('weather')]))).to.throw(/skipped 1 has a reason that is not known/)
    expect(() => parsePlan(old([{ start: 1, length: 1, causes: ['weather'] }], []))).to.throw(
      /gap 1 has a cause that is not known/,
    )
  })
})
