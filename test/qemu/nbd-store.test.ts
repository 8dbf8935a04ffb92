import { expect } from 'chai'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NbdStore } from '../../src/qemu/nbd/nbd-store.js'
import { longestTransfer } from '../../src/qemu/nbd/protocol.js'
import { serveImage } from '../../src/qemu/serve-image.js'
import { runTied } from '../../src/qemu/tied-process.js'
import { Random } from '../support/random.js'
import { needTools, run, scratchFolder } from '../support/tools.js'

const MiB = 1 << 20

describe("a disk behind qemu-nbd's socket", function () {
  this.timeout(120_000)
  const folder = scratchFolder()
  const at = (name: string): string => join(folder.path, name)
  before(function () {
    needTools(this, 'qemu-nbd', 'qemu-img')
  })
  after(folder.remove)

  it('holds what was written, many requests at once, as an array of bytes does', async () => {
    const size = 8 * MiB + 512
    run('qemu-img', ['create', '-q', '-f', 'qcow2', at('disk.qcow2'), String(size)])
    const bytes = Buffer.alloc(size)
    const random = new Random(7)
    const store = await serveImage(at('disk.qcow2'), 'qcow2', true)
    try {
      expect(store).to.include({ size, writable: true })
      for (let round = 0; round < 40; round++) {
        // Places that do not overlap, since order among them is nobody's.
        const slots = Array.from({ length: 12 }, (_, i) => i).filter(() => random.below(3) > 0)
        const step = Math.floor(size / 12)
        await Promise.all(
          slots.map((slot) => {
            const start = slot * step + random.below(1000)
            const data = Buffer.alloc(1 + random.below(step - 1000), random.below(256))
            data.copy(bytes, start)
            return store.write(start, data)
          }),
        )
        if (round % 10 === 0) await store.flush()
        const start = random.below(size)
        const some = Buffer.alloc(random.below(size - start))
        await store.read(start, some)
        expect(some.equals(bytes.subarray(start, start + some.length))).to.equal(true)
      }
    } finally {
      await store.close()
    }
    run('qemu-img', ['convert', '-O', 'raw', at('disk.qcow2'), at('disk.raw')])
    expect(readFileSync(at('disk.raw')).equals(bytes)).to.equal(true)
    run('qemu-img', ['check', at('disk.qcow2')])
  })

  it('is read in pieces where more is wanted than one request may be', async () => {
    const size = longestTransfer + 3 * MiB
    writeFileSync(at('large.raw'), Buffer.alloc(size, 'bootpack'))
    const store = await serveImage(at('large.raw'), 'raw', false)
    const all = Buffer.alloc(size)
    await store.read(0, all)
    await store.close()
    expect(all.equals(readFileSync(at('large.raw')))).to.equal(true)
  })

  it('is not written to when it was opened for reading, and not read beyond its end', async () => {
    run('qemu-img', ['create', '-q', '-f', 'qcow2', at('read.qcow2'), '1M'])
    const before = readFileSync(at('read.qcow2'))
    const store = await serveImage(at('read.qcow2'), 'qcow2', false)
    expect(store.writable).to.equal(false)
    for (const call of [() => store.write(0, Buffer.alloc(1)), () => store.read(MiB - 1, Buffer.alloc(2))]) {
      let error: Error | undefined
      await call().catch((thrown: Error) => void (error = thrown))
      expect(error).to.include({ family: 'io' })
    }
    await store.close()
    expect(readFileSync(at('read.qcow2')).equals(before)).to.equal(true)
  })

  it('fails with an error for all that was asked, when the server is gone, and never hangs', async () => {
    run('qemu-img', ['create', '-q', '-f', 'raw', at('gone.raw'), '64M'])
    const server = runTied('qemu-nbd', ['--socket', at('socket'), '--format=raw', '--shared=1', at('gone.raw')])
    let store: NbdStore | undefined
    for (let tries = 0; tries < 500 && !store; tries++) {
      store = await NbdStore.connect(at('socket'), 'gone.raw').catch(() => undefined)
      if (!store) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const asked = Array.from({ length: 20 }, () => store!.read(0, Buffer.alloc(16 * MiB)))
    server.kill()
    const ends = await Promise.allSettled(asked)
    expect(ends.some(({ status }) => status === 'rejected')).to.equal(true)
    expect((await server.ended).status).not.to.equal(0)
    let error: Error | undefined
    await store!.read(0, Buffer.alloc(1)).catch((thrown: Error) => void (error = thrown))
    expect(error?.message).to.match(/gone\.raw: qemu-nbd is gone/)
    await store!.close()
  })
})
