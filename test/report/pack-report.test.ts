/** What packing says of itself is what was done, not what was planned. */
import { expect } from 'chai'
import type { LayoutMeasure } from '../../src/measure/layout-measure.js'
import type { OwnedKind } from '../../src/layout/owner.js'
import { stayReasons, type SkipReason, type StayReason } from '../../src/layout/reason.js'
import type { Plan, Skip } from '../../src/plan/plan.js'
import { measureTable } from '../../src/report/measure-table.js'
import { packReport } from '../../src/report/pack-report.js'
import { skipLines } from '../../src/report/plan-summary.js'
import { stayLines } from '../../src/report/stay-lines.js'

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
    const stays = (inode: number, kind: OwnedKind, reason: SkipReason): Skip => ({
      inode,
      path: `/usr/${inode}`,
      kind,
      reason,
      blocks: 1000,
    })
    const skipped = [
      stays(1, 'directory', 'mounted'),
      stays(2, 'tree', 'mounted'),
      stays(3, 'directory', 'mounted'),
      stays(4, 'data', 'running'),
    ]
    expect(skipLines(skipped)).to.deep.equal([
      'left alone 3 directories and trees (3,000 blocks), such as /usr/1: cannot be',
      '             moved by a mounted filesystem. Packing it unmounted, or at',
      '             shutdown, can.',
      '           /usr/4 (1,000 blocks): being executed, and a running program cannot',
      '             be opened for writing. Packing it unmounted, or at shutdown, can.',
    ])
  })

  it('keeps to 80 columns for every reason there is', () => {
    for (const reason of Object.keys(stayReasons) as StayReason[]) {
      const unmoved = [1, 2].map((inode) => ({
        inode,
        path: `/usr/lib/${'long/'.repeat(20)}${inode}`,
        kind: 'data' as const,
        blocks: 12_345_678,
        reason,
      }))
      for (const line of stayLines('not moved', unmoved)) expect(line.length, line).to.be.at.most(80)
    }
  })
})
