import { expect } from 'chai'
import { diskModel, diskNames } from '../src/disk/disk-model.js'

const read = (offset: number, length = 4096) => ({ offset, length, write: false })
const write = (offset: number, length = 4096) => ({ offset, length, write: true })
const gibibytes = (n: number): number => n * 2 ** 30

describe('disk models', () => {
  it('give the positioning times of another program with the same hard disk', () => {
    // Distances and milliseconds as an nbdkit plugin in C logged them during a real boot of a disk of 2 GiB.
    const logged: [number, number][] = [
      [0, 0],
      [-512, 4.677],
      [-3072, 4.687],
      [-2048, 4.684],
      [1179648, 5.01],
      [-135168, 4.785],
      [1072553984, 14.917],
      [-1039007744, 14.756],
      [-31461376, 6.425],
      [1961984, 5.108],
      [536576, 4.471],
      [45056, 0.375],
      [28672, 0.239],
      [421888, 3.516],
      [651264, 4.923],
      [323584, 2.697],
      [233472, 1.946],
      [1912832, 5.103],
      [-132448256, 8.271],
    ]
    for (const [distance, milliseconds] of logged) {
      const disk = diskModel('hdd', gibibytes(2))
      const from = distance < 0 ? 1.5 * 2 ** 30 : 2 ** 20
      disk.begin(read(from - 4096), 0)
      expect(disk.latency(read(from + distance), 0), `over ${distance} bytes`).to.be.closeTo(milliseconds, 0.0006)
    }
  })

  it('never take longer than the full stroke, nor ask a head for more than a rotation to wait', () => {
    const disk = diskModel('hdd', 1e9)
    for (let distance = 1; distance < 1e9; distance *= 1.7)
      expect(disk.latency(read(Math.floor(distance)), 0)).to.be.within(0, 0.5 + 14.5 + 4.17)
    expect(disk.latency(read(5e9), 0)).to.be.closeTo(19.17, 1e-9)
  })

  it('move bytes at the speed they say', () => {
    const speeds = Object.fromEntries(diskNames.map((name) => [name, diskModel(name, gibibytes(1)).bytesPerMs / 1e3]))
    expect(speeds).to.deep.equal({ hdd: 120, ssd: 500, sd: 25, lazy: 500 })
  })

  it('ask the same of flash wherever the read goes', () => {
    for (const name of ['ssd', 'sd'] as const) {
      const disk = diskModel(name, gibibytes(8))
      disk.begin(read(0), 0)
      expect(disk.latency(read(4096), 0)).to.equal(disk.latency(read(gibibytes(7)), 0))
    }
  })

  it('fetch a chunk of a lazy volume once, on the first read', () => {
    const chunk = 512 * 1024
    const disk = diskModel('lazy', gibibytes(8))
    expect(disk.latency(read(0), 100)).to.be.closeTo(20.1, 1e-9)
    expect(disk.latency(write(0), 100), 'a write fetches nothing').to.be.closeTo(0.1, 1e-9)
    disk.begin(write(0), 100)
    expect(disk.latency(read(0), 100), 'and leaves the chunk away').to.be.closeTo(20.1, 1e-9)
    disk.begin(read(chunk - 4096, 8192), 100)
    expect(disk.latency(read(0), 112), 'on its way').to.be.closeTo(8.1, 1e-9)
    expect(disk.latency(read(chunk), 120), 'both ends of the read are here').to.be.closeTo(0.1, 1e-9)
    expect(disk.latency(read(2 * chunk - 4096, 8192), 500), 'one here, one not').to.be.closeTo(20.1, 1e-9)
    expect(disk.latency(read(2 * chunk - 4096, 4096), 500), 'up to the border').to.be.closeTo(0.1, 1e-9)
  })
})
