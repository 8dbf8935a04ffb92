/** What packing says of itself is what was done, not what was planned. */
import { expect } from 'chai'
import type { LayoutMeasure } from '../../src/measure/layout-measure.js'
import type { Plan } from '../../src/plan/plan.js'
import { measureTable } from '../../src/report/measure-table.js'
import { packReport } from '../../src/report/pack-report.js'
import { skipLines } from '../../src/report/plan-summary.js'
import { skipReasons } from '../../src/report/skip-reasons.js'

const measure = {
  requests: 2,
  seeks: 1,
  seekDistanceBlocks: 9,
  readBlocks: 8,
  spanBlocks: 20,
  blockSize: 4096,
  files: 1,
  missing: 0,
  modelMs: {},
} as unknown as LayoutMeasure
const plan = {
  volume: { blockSize: 4096 },
  gaps: [],
  skipped: [],
  measure: { before: measure, predicted: measure },
  cost: { placedBlocks: 500, evictedBlocks: 250, stagedBlocks: 250, bytesWritten: 4_096_000 },
} as unknown as Plan

const told = (movedBlocks: number, interrupted: boolean, complete: boolean): string =>
  packReport(
    { plan, applied: { begun: true, rounds: 2, movedBlocks, unmoved: [], interrupted, complete }, after: measure },
    'To finish, pack again.',
  )

describe('the table of measures', () => {
  it('names files that are not there, where there are such', () => {
    expect(measureTable({ measured: measure })).not.to.match(/not there/)
    expect(measureTable({ measured: { ...measure, missing: 6 } })).to.match(/^files that are not there +6$/m)
  })
})

describe('what packing tells', () => {
  it('names all that was written when all was done', () => {
    expect(told(1000, false, true)).to.include('Written: 4.1 MB, of which 1.0 MB to move others out of the way.')
  })

  it('names what was written until it was stopped, or what could be moved', () => {
    expect(told(250, true, false)).to.include('Written: 1.0 MB of the 4.1 MB planned.')
    expect(told(750, false, false)).to.include('Written: 3.1 MB of the 4.1 MB planned.')
  })

  it('says in lines of 80 columns why something stays, and what would help', () => {
    const skipped = [1, 2].map(
      (inode) => ({ inode, path: '/usr', kind: 'directory', reason: 'busy', blocks: 1 }) as const,
    )
    const lines = skipLines(skipped)
    expect(lines[0]).to.equal('left alone 2 busy, such as /usr')
    expect(
      lines
        .slice(1)
        .map((line) => line.trim())
        .join(' '),
    ).to.equal(skipReasons.busy)
    expect(Math.max(...lines.map(({ length }) => length))).to.be.at.most(80)
  })
})
