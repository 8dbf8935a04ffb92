import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { skip } from '../../../test/support/tools.js'
import type { LoggedRequest } from '../src/disk/request-log.js'
import { numbered } from '../src/cli/output-files.js'
import { busyHostText, comparisonTable, imageRuns, runsTable } from '../src/cli/boot-report.js'
import { bootTrace } from '../src/machine/boot-trace.js'
import { hostWait } from '../src/machine/host-wait.js'
import { bootFigures, median, medianFigures } from '../src/machine/figures.js'

const request = (
  at: number,
  offset: number,
  length: number,
  distance: number,
  latency: number,
  write = false,
): LoggedRequest => ({ at, offset, length, distance, latency, waited: 0, write })

const requests = [
  request(1000, 0, 512, 0, 0),
  request(1001, 1_048_576, 4096, 1_048_064, 5),
  request(1002.0004, 1_052_672, 8192, 0, 0),
  request(1003, 500, 100, -1_060_364, 6, true),
  request(1004, 1_040_384, 16_384, 1_039_784, 7),
  request(1005, 3_145_728, 4096, 2_088_960, 8),
]

describe('what a boot adds up to', () => {
  it('is counted over its reads, and over what it wrote', () => {
    expect(bootFigures(requests)).to.deep.equal({
      reads: 5,
      readBytes: 33_280,
      notSequential: 3,
      seekDistanceBytes: 1_048_064 + 1_039_784 + 2_088_960,
      positioningMs: 20,
      writes: 1,
      writtenBytes: 100,
    })
  })

  it('ends where the boot ends', () => {
    expect(bootFigures(requests, 1002.5)).to.include({ reads: 3, readBytes: 12_800, writes: 0 })
  })

  it('has a median for each figure', () => {
    expect([median([3]), median([4, 1]), median([9, 1, 5])]).to.deep.equal([3, 2.5, 5])
    const figures = bootFigures(requests)
    expect(
      medianFigures([
        { ...figures, reads: 1 },
        { ...figures, reads: 7, writes: 9 },
        { ...figures, reads: 2 },
      ]),
    ).to.deep.equal({ ...figures, reads: 2 })
  })

  it('is shown in tables', () => {
    const figures = bootFigures(requests)
    const a = imageRuns('a.img', 'vmlinuz', [
      { seconds: 10, hostWait: 0.2, ...figures },
      { seconds: 12, hostWait: 2, ...figures },
    ])
    const b = imageRuns('b.img', 'vmlinuz', [
      { seconds: 5, hostWait: null, ...figures },
      { seconds: 6, hostWait: 0, ...figures, notSequential: 0 },
    ])
    expect(runsTable(a).split('\n').at(-1)).to.match(/^median +11\.0 +1\.1 +5 +33\.3 kB +3 +4\.2 MB +20\.0 ms +100 B$/)
    const rows = comparisonTable(a, b).split('\n')
    expect(rows.find((row) => row.startsWith('seconds'))).to.match(/11\.0 +5\.5 +2\.00 x$/)
    expect(rows.find((row) => row.startsWith('host busy'))).to.match(/1\.1 +\? +-$/)
    expect(rows.find((row) => row.startsWith('boot 2'))).to.match(/12\.0 +6\.0$/)
  })
})

describe('a busy host', () => {
  it('is told of when a boot waited long for it', () => {
    const figures = bootFigures(requests)
    const calm = imageRuns('a.img', 'k', [
      { seconds: 100, hostWait: 4.9, ...figures },
      { seconds: 100, hostWait: null, ...figures },
    ])
    const busy = imageRuns('b.img', 'k', [{ seconds: 100, hostWait: 5.1, ...figures }])
    expect(busyHostText([calm])).to.equal(undefined)
    expect(busyHostText([calm, busy])).to.match(/^In one boot /)
    expect(busyHostText([busy, busy])).to.match(/^In 2 boots /)
  })

  it('is seen from the outside', async function () {
    if (hostWait(process.pid) === undefined)
      skip(this, 'this kernel does not tell how long threads wait for a processor')
    const before = hostWait(process.pid)!
    const begun = Date.now()
    const script = 'const end = Date.now() + 1000; while (Date.now() < end);'
    const many = Array.from({ length: 3 * availableParallelism() }, () => spawn(process.execPath, ['-e', script]))
    const end = Date.now() + 800
    while (Date.now() < end) void 0
    expect(hostWait(process.pid)! - before).to.be.within(0.02, (Date.now() - begun) / 1e3 + 0.1)
    await Promise.all(many.map((child) => once(child, 'close')))
    expect(hostWait(2 ** 30)).to.equal(undefined)
  })
})

describe('a recorded boot as a trace', () => {
  it('has its reads in bytes of the filesystem and microseconds of the boot', () => {
    const { header, reads } = bootTrace(
      { requests, lost: 3, started: 1000, start: 1_048_576, length: 2_097_152 },
      { disk: 'hdd' },
    )
    expect(reads).to.deep.equal([
      { t: 1000, off: 0, len: 4096, kind: 'metadata' },
      { t: 2000, off: 4096, len: 8192, kind: 'metadata' },
      // Reached into the partition from before it.
      { t: 4000, off: 0, len: 8192, kind: 'metadata' },
    ])
    const served = [requests[2]!, requests[4]!, requests[1]!]
    expect(
      bootTrace({ requests: served, lost: 0, started: 1000, start: 0, length: 1e9 }, {}).reads.map(({ t }) => t),
      'as asked for',
    ).to.deep.equal([1000, 2000, 4000])
    expect(header).to.deep.include({ bootpack: 'trace', version: 1, source: 'vm', disk: 'hdd', lost: 3 })
    expect(header.ignored).to.deep.equal({ write: 1, 'outside-partition': 2 })
  })
})

describe('names of several outputs', () => {
  it('have their number before the ending', () => {
    expect(
      ['boot.trace', 'out/boot.trace.gz', 'boot', '/a.b/boot', '.hidden'].map((path) => numbered(path, 1, 3)),
    ).to.deep.equal(['boot.2.trace', 'out/boot.2.trace.gz', 'boot.2', '/a.b/boot.2', '.hidden.2'])
    expect(numbered('boot.trace', 0, 1)).to.equal('boot.trace')
  })
})
