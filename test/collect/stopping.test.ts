import { expect } from 'chai'
import { parseDiskstats, QuietDisk } from '../../src/collect/quiet-disk.js'
import { waitForStop } from '../../src/collect/stop-moment.js'

const stats = (vda: number, vda1: number, loop: number): string =>
  `   7       0 loop0 ${loop} 48681 17560168 106858 153918 240529 7497396 278743 0 90544 404719 0 0 0 0 25428 19116\n` +
  ` 254       0 vda ${vda} 0 100 1 9 9 9 9 0 1 1\n 254       1 vda1 ${vda1} 0 100 1 9 9 9 9 0 1 1\n`

describe('when the disks are quiet', () => {
  it('counts from the last read, not from writes', () => {
    let text = stats(5, 5, 1)
    const disk = new QuietDisk(new Set(), () => text)
    expect(disk.look(1000)).to.equal(0)
    expect(disk.look(3000)).to.equal(2000)
    text = stats(6, 5, 1)
    expect(disk.look(4000)).to.equal(0)
    text = text.replace(/9 9 9 9/g, '7 7 7 7')
    expect(disk.look(9000)).to.equal(5000)
  })

  it('watches the disks asked for, and leaves out loop devices otherwise', () => {
    let text = stats(5, 5, 1)
    const all = new QuietDisk(undefined, () => text)
    const loop = new QuietDisk(new Set(['7:0']), () => text)
    const none = new QuietDisk(new Set(['0:44']), () => text)
    for (const disk of [all, loop, none]) disk.look(0)
    text = stats(5, 5, 2)
    expect([all, loop, none].map((disk) => disk.look(10))).to.deep.equal([10, 0, 10])
    text = stats(5, 6, 2)
    expect([all, loop, none].map((disk) => disk.look(20))).to.deep.equal([0, 10, 0])
  })

  it('reads what this kernel says', () => {
    const counts = parseDiskstats(stats(5, 4, 3))
    expect([...counts]).to.deep.equal([
      ['7:0', { name: 'loop0', reads: 3 }],
      ['254:0', { name: 'vda', reads: 5 }],
      ['254:1', { name: 'vda1', reads: 4 }],
    ])
    expect(new QuietDisk().look(7)).to.equal(0)
  })
})

describe('the moment a recording stops', () => {
  const signal = new AbortController().signal
  const quietDisk = new QuietDisk(new Set(), () => stats(1, 1, 1))

  it('is the end of the command, and what came meanwhile was taken', async () => {
    let ticks = 0
    const command = new Promise((resolve) => setTimeout(resolve, 200))
    expect(await waitForStop({ command, signal, tick: () => ticks++ })).to.equal('command')
    expect(ticks).to.be.above(1)
    expect(await waitForStop({ command: Promise.reject(new Error('x')), signal, atMostMs: 5000 })).to.equal('command')
  })

  it('is the end of the time, on time', async () => {
    const begun = performance.now()
    expect(await waitForStop({ signal, atMostMs: 120, command: new Promise(() => {}) })).to.equal('time')
    expect(performance.now() - begun).to.be.within(115, 3000)
    expect(await waitForStop({ signal, atMostMs: 0 })).to.equal('time')
  })

  it('is when the disks were quiet long enough after getting ready', async () => {
    const begun = performance.now()
    let asked = 0
    expect(
      await waitForStop({
        signal,
        quiet: { disk: quietDisk, forMs: 200 },
        ready: () => Promise.resolve(++asked === 2),
      }),
    ).to.equal('quiet')
    expect(asked).to.equal(2)
    // Asked once a second: ready after one, quiet 200 ms later.
    expect(performance.now() - begun).to.be.within(1190, 5000)
  })

  it('comes never while the disk is read, so the time ends it', async () => {
    let reads = 0
    const busy = new QuietDisk(new Set(), () => stats(++reads, 1, 1))
    expect(await waitForStop({ signal, quiet: { disk: busy, forMs: 100 }, atMostMs: 400 })).to.equal('time')
  })

  it('is a signal', async () => {
    const aborter = new AbortController()
    setTimeout(() => aborter.abort(), 100)
    const begun = performance.now()
    expect(await waitForStop({ signal: aborter.signal, atMostMs: 5000 })).to.equal('interrupted')
    expect(performance.now() - begun).to.be.below(4000)
  })
})
