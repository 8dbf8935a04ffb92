import { expect } from 'chai'
import { BlockCache } from '../../src/storage/block-cache.js'
import { Random } from '../support/random.js'
import { MemoryStore } from './memory-store.js'

/** A store that counts, and that can hold answers back. */
class SlowStore extends MemoryStore {
  reads: [offset: number, length: number][] = []
  gate: Promise<void> | undefined

  override async read(offset: number, buffer: Uint8Array): Promise<void> {
    this.reads.push([offset, buffer.length])
    await super.read(offset, buffer)
    await this.gate
  }
}

const blockSize = 1024
const numbered = (blocks: number): Uint8Array =>
  Uint8Array.from({ length: blocks * blockSize }, (_, at) => Math.floor(at / blockSize) * 7)

describe('the block cache', () => {
  it('gives the right block whatever was read, brought in, written and pushed out before (seed 4)', async () => {
    const random = new Random(4)
    const store = new MemoryStore(numbered(500), true)
    const cache = new BlockCache(store, blockSize, 64 * blockSize)
    for (let round = 0; round < 2000; round++) {
      const block = random.below(500)
      switch (random.below(4)) {
        case 0:
          await cache.prefetch(Array.from({ length: random.below(30) }, () => random.below(500)))
          break
        case 1:
          await store.write(block * blockSize, new Uint8Array(blockSize).fill(random.below(256)))
          cache.forget(block, 1)
          break
        default:
          expect((await cache.read(block))[5]).to.equal(store.bytes[block * blockSize + 5])
      }
    }
  })

  it('reads near blocks in one piece and far ones apart', async () => {
    const store = new SlowStore(numbered(5000))
    const cache = new BlockCache(store, blockSize)
    await cache.prefetch([3000, 10, 12, 11, 70, 3001, 10])
    expect(store.reads).to.deep.equal([
      [10 * blockSize, 61 * blockSize],
      [3000 * blockSize, 2 * blockSize],
    ])
    store.reads = []
    for (const block of [10, 11, 12, 70, 3000, 3001]) expect((await cache.read(block))[0]).to.equal((block * 7) % 256)
    expect(store.reads).to.deep.equal([])
  })

  it('does not keep what was being read while it was written', async () => {
    const store = new SlowStore(numbered(10), true)
    const cache = new BlockCache(store, blockSize)
    let open = (): void => {}
    store.gate = new Promise((resolve) => {
      open = resolve
    })
    const early = [cache.read(3), cache.prefetch([4, 5])]
    await store.write(3 * blockSize, new Uint8Array(3 * blockSize).fill(99))
    cache.forget(3, 3)
    open()
    await Promise.all(early)
    store.gate = undefined
    for (const block of [3, 4, 5]) expect((await cache.read(block))[0], `block ${block}`).to.equal(99)
  })
})
