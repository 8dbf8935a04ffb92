import { expect } from 'chai'
import { Random } from '../../../test/support/random.js'
import { Alarm } from '../src/disk/alarm.js'
import { milliseconds } from '../src/disk/clock.js'
import { diskModel } from '../src/disk/disk-model.js'
import { RequestLog } from '../src/disk/request-log.js'
import { SimulatedDisk } from '../src/disk/simulated-disk.js'

describe('a simulated disk', () => {
  let alarm: Alarm
  beforeEach(() => {
    alarm = new Alarm()
  })
  afterEach(() => alarm.close())

  const size = 64 * 2 ** 20
  const image = {
    size,
    read: async (_offset: number, buffer: Uint8Array) => {
      buffer.fill(7)
    },
  }

  it('takes the time its model says, request after request', async () => {
    const log = new RequestLog()
    const disk = new SimulatedDisk(image, alarm, log, { model: diskModel('hdd', size), scale: 1, writeLimit: 2 ** 20 })
    const random = new Random(11)
    const offsets = Array.from({ length: 40 }, () => random.below(size / 4096) * 4096)
    const late: number[] = []
    const model = diskModel('hdd', size)
    for (const offset of offsets) {
      const request = { offset, length: 4096, write: false }
      const expected = model.latency(request, 0) + 4096 / model.bytesPerMs
      model.begin(request, 0)
      const begun = milliseconds()
      await disk.read(offset, Buffer.alloc(4096))
      late.push(milliseconds() - begun - expected)
    }
    late.sort((a, b) => a - b)
    expect(late[0]!, 'never early').to.be.at.least(0)
    expect(late[20]!, 'median of what it was late, ms').to.be.below(0.5)
    expect(log.requests.map(({ offset }) => offset)).to.deep.equal(offsets)
  })

  it('logs what another tool can read, and nothing after it was stopped', async () => {
    const log = new RequestLog()
    const disk = new SimulatedDisk(image, alarm, log, { model: diskModel('hdd', size), scale: 0, writeLimit: 2 ** 20 })
    const begun = milliseconds()
    await disk.read(0, Buffer.alloc(512))
    await disk.write(4096, Buffer.alloc(1024))
    log.stop()
    await disk.read(0, Buffer.alloc(512))
    const lines = log.text(begun).trimEnd().split('\n')
    expect(lines).to.have.length(2)
    expect(lines[0]).to.match(/^0\.\d{6} R 0 512 dist=0 pos_ms=0\.000 wait_ms=0\.000$/)
    expect(lines[1]).to.match(/^0\.\d{6} W 4096 1024 dist=3584 pos_ms=0\.030 wait_ms=0\.000$/)
  })

  it('counts writes it has no room for', async () => {
    const disk = new SimulatedDisk(image, alarm, new RequestLog(), {
      model: diskModel('ssd', size),
      scale: 0,
      writeLimit: 8192,
    })
    expect(await disk.write(0, Buffer.alloc(8192))).to.equal(true)
    expect(await disk.write(8192, Buffer.alloc(1))).to.equal(false)
    expect(disk.refusedWrites).to.equal(1)
  })
})
