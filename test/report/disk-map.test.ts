import { expect } from 'chai'
import { blockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import { diskMap, mapLegend } from '../../src/report/disk-map.js'

const contents = {
  blockCount: 80,
  fixed: RunSet.of([blockRun(0, 8)]),
  boot: RunSet.of([blockRun(8, 8), blockRun(16, 1), blockRun(40, 4)]),
  free: RunSet.of([blockRun(24, 8), blockRun(34, 4), blockRun(72, 8)]),
}

describe('diskMap', () => {
  it('shows boot reads first, then fixed metadata, then how full a cell is', () => {
    expect(diskMap(contents, { width: 10, rows: 1, colour: false })).to.deep.equal(['|=#+ :O%%% |'])
  })

  it('covers every block once in any shape, also with more cells than blocks', () => {
    const full = { blockCount: 7, fixed: new RunSet(), boot: RunSet.of([blockRun(0, 7)]), free: new RunSet() }
    for (const [width, rows] of [
      [3, 2],
      [7, 1],
      [5, 4],
      [1, 1],
    ] as const) {
      const lines = diskMap(full, { width, rows, colour: false })
      expect(lines).to.have.length(rows)
      expect(lines.join('').replaceAll('|', '')).to.equal('#'.repeat(width * rows))
    }
  })

  it('colours only when asked, and never changes the picture', () => {
    const plain = diskMap(contents, { width: 10, rows: 2, colour: false })
    const coloured = diskMap(contents, { width: 10, rows: 2, colour: true })
    expect(coloured.join('')).to.contain('\u001b[38;5;196m#')
    expect(coloured.map((line) => line.replace(/\u001b\[[0-9;]*m/g, ''))).to.deep.equal(plain)
    expect(mapLegend(contents, 4096, { width: 10, rows: 1, colour: false })).to.match(/one cell 32 KiB/)
  })
})
