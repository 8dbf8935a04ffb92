import { expect } from 'chai'
import { Random } from '../../../test/support/random.js'
import { Cable } from '../src/disk/cable.js'
import { diskModel, diskNames, type DiskName, type DiskRequest } from '../src/disk/disk-model.js'
import { DiskQueue, type Service } from '../src/disk/disk-queue.js'

const size = 2 ** 31

interface Arrival extends DiskRequest {
  readonly at: number
}

interface Served extends Service {
  readonly id: number
}

/** Lets simulated time pass: arrivals as given, ends when they are due and `late` milliseconds noticed after. */
function serve(name: DiskName, scale: number, arrivals: readonly Arrival[], late = 0): Served[] {
  const served: Served[] = []
  let under: Served[] = []
  const queue = new DiskQueue<number>(diskModel(name, size), scale, (id, _request, service) => {
    const entry = { ...service, id }
    served.push(entry)
    under.push(entry)
  })
  const endNext = (): void => {
    const next = under.reduce((a, b) => (b.due < a.due ? b : a))
    under = under.filter((each) => each !== next)
    queue.done(next)
  }
  const nextDue = (): number => Math.min(...under.map(({ due }) => due)) + late
  for (const [id, arrival] of arrivals.entries()) {
    while (under.length > 0 && nextDue() <= arrival.at) endNext()
    queue.add(arrival, id, arrival.at)
  }
  while (under.length > 0) endNext()
  expect(queue.depth).to.equal(0)
  return served
}

const read = (at: number, offset: number, length = 4096): Arrival => ({ at, offset, length, write: false })

function randomArrivals(random: Random, count: number, gapMs: number): Arrival[] {
  let at = 0
  return Array.from({ length: count }, () => {
    at += random.fraction() * gapMs
    return {
      at,
      offset: random.below(size / 4096 - 64) * 4096,
      length: 4096 * random.between(1, 32),
      write: random.chance(0.2),
    }
  })
}

describe('the queue of a disk', () => {
  it('serves one request after the other on a hard disk, each in its own time', () => {
    const [first, second] = serve('hdd', 1, [read(10, 0), read(11, 120_000)])
    expect(first).to.include({ begun: 10, latency: 0, waited: 0, distance: 0 })
    expect(first!.due).to.be.closeTo(10 + 4096 / 120e3, 1e-9)
    expect(second!.begun).to.equal(11)
    expect(second!.distance).to.equal(120_000 - 4096)
    expect(second!.due).to.be.closeTo(11 + (120_000 - 4096) / 120e3 + 4096 / 120e3, 1e-9)
  })

  it('takes the nearest of those that wait', () => {
    const far = size - 4096
    const served = serve('hdd', 1, [
      read(0, size / 2),
      read(0.1, 0),
      read(0.2, far),
      read(0.3, size / 2 + 4096),
      read(0.4, size / 4),
    ])
    // Forward from the middle goes on; then back to a quarter, to zero, and the far end last.
    expect(served.map(({ id }) => id)).to.deep.equal([0, 3, 4, 1, 2])
  })

  it('passes over no request more than 32 times', () => {
    // One far away, and an endless row of neighbours.
    const arrivals = [
      read(0, 0, 131072),
      read(0.1, size - 4096),
      ...Array.from({ length: 100 }, (_, i) => read(0.2, 131072 * (i + 1), 131072)),
    ]
    const order = serve('hdd', 1, arrivals).map(({ id }) => id)
    expect(order.indexOf(1)).to.equal(33)
    expect(order.slice(0, 33)).to.deep.equal([0, ...Array.from({ length: 32 }, (_, i) => i + 2)])
  })

  it('lets eight reads of an SSD wait for their bytes at the same time, which then come one after the other', () => {
    const served = serve(
      'ssd',
      1,
      Array.from({ length: 9 }, (_, i) => read(0, i * 1e6, 50_000)),
    )
    // 0.1 ms each, together; then 50,000 bytes at 500 MB/s are 0.1 ms each.
    for (const [i, { due }] of served.slice(0, 8).entries()) expect(due).to.be.closeTo(0.1 + 0.1 * (i + 1), 1e-9)
    expect(served[8]!.begun).to.be.closeTo(0.2, 1e-9)
    expect(served[8]!.waited).to.be.closeTo(0.2, 1e-9)
  })

  it('does not let a read of a chunk that is here wait for one that is fetched', () => {
    const served = serve('lazy', 1, [read(0, 0), read(50, 1 << 20), read(51, 8192)])
    expect(served[1]!.due).to.be.closeTo(70.1 + 4096 / 500e3, 1e-9)
    expect(served[2]!.due).to.be.closeTo(51.1 + 4096 / 500e3, 1e-9)
  })

  it('loses no time to a clock that looks late, while there is work', () => {
    const arrivals = Array.from({ length: 20 }, (_, i) => read(0, i * 50_000_000))
    const punctual = serve('hdd', 1, arrivals).at(-1)!.due
    expect(serve('hdd', 1, arrivals, 3).at(-1)!.due).to.be.closeTo(punctual, 1e-9)
  })

  it('answers at once with a scale of 0', () => {
    for (const name of diskNames) {
      const served = serve(name, 0, randomArrivals(new Random(3), 200, 1))
      for (const { begun, due, waited } of served) expect([due - begun, waited]).to.deep.equal([0, 0])
    }
  })

  it('keeps the rules of a disk for random requests', () => {
    const seed = 20_240_817
    const random = new Random(seed)
    for (let round = 0; round < 60; round++) {
      const name = random.pick(diskNames)
      const scale = random.pick([1, 1, 5, 0.25])
      const arrivals = randomArrivals(random, 150, random.pick([0.05, 2, 30]))
      const served = serve(name, scale, arrivals)
      const where = `seed ${seed}, round ${round}, ${name} x ${scale}`
      const model = diskModel(name, size)
      expect(
        served.map(({ id }) => id).sort((a, b) => a - b),
        where,
      ).to.deep.equal(arrivals.map((_, id) => id))
      let last = 0
      for (const { id, begun, due, waited, distance, latency } of served) {
        const { at, offset, length } = arrivals[id]!
        expect(begun - waited, where).to.be.closeTo(at, 1e-6)
        expect(due - begun, where).to.be.at.least((latency + length / model.bytesPerMs) * scale - 1e-6)
        expect(distance, where).to.equal(offset - last)
        last = offset + length
      }
      for (const { begun } of served) {
        const under = served.filter((each) => each.begun <= begun && begun < each.due - 1e-9)
        expect(under.length, where).to.be.at.most(model.lanes)
      }
      // Never idle while somebody waits: who waited began when another one ended.
      for (const { begun, waited } of served) {
        if (waited > 1e-6)
          expect(
            served.some(({ due }) => Math.abs(due - begun) < 1e-9),
            where,
          ).to.equal(true)
      }
      // The bytes of two requests are never on the cable at the same time.
      const onCable = served
        .map(({ id, due }) => [due - (arrivals[id]!.length / model.bytesPerMs) * scale, due] as const)
        .sort((a, b) => a[0] - b[0])
      for (let i = 1; i < onCable.length; i++) expect(onCable[i]![0], where).to.be.at.least(onCable[i - 1]![1] - 1e-6)
    }
  })
})

describe('the cable', () => {
  it('gives each the first time that is free and long enough', () => {
    const cable = new Cable()
    expect(cable.reserve(0, 10, 5)).to.equal(15)
    expect(cable.reserve(0, 20, 5)).to.equal(25)
    expect(cable.reserve(0, 9, 3), 'too long before 10, fits after 15').to.equal(18)
    expect(cable.reserve(0, 0, 10), 'before all of them').to.equal(10)
    expect(cable.reserve(0, 0, 2), 'exactly between two').to.equal(20)
    expect(cable.reserve(0, 0, 1)).to.equal(26)
    expect(cable.reserve(30, 30, 1), 'what is over is forgotten').to.equal(31)
  })
})
