/**
 * Metadata blocks that were read, the most recently used ones up to a budget, and
 * ways to read many at once. File data does not pass through here.
 */
import type { Store } from './store.js'

/** Blocks this near each other are read in one piece: cheaper than a second request. */
const joinGapBytes = 64 * 1024
const longestRead = 1024 * 1024

export class BlockCache {
  /** In order of use, the oldest first. */
  private readonly held = new Map<number, Uint8Array>()
  private readonly capacity: number
  /** How often blocks were forgotten: what was being read meanwhile may be old and is not kept. */
  private forgotten = 0

  private readonly store: Store
  private readonly blockSize: number

  constructor(store: Store, blockSize: number, budgetBytes = 16 * 1024 * 1024) {
    this.store = store
    this.blockSize = blockSize
    this.capacity = Math.max(64, Math.floor(budgetBytes / blockSize))
  }

  /** One block; shared, so the caller must not change it. */
  async read(block: number): Promise<Uint8Array> {
    const known = this.held.get(block)
    if (known) {
      this.held.delete(block)
      this.held.set(block, known)
      return known
    }
    const before = this.forgotten
    const bytes = await this.readRun(block, 1)
    if (before === this.forgotten) this.keep(block, bytes)
    return bytes
  }

  /** The block if it is here. */
  peek(block: number): Uint8Array | undefined {
    return this.held.get(block)
  }

  /**
   * Consecutive blocks in a buffer of the caller's own, past the cache.
   * @param into to be used for it, at least as long
   */
  async readRun(start: number, count: number, into?: Uint8Array): Promise<Uint8Array> {
    const bytes = into ? into.subarray(0, count * this.blockSize) : new Uint8Array(count * this.blockSize)
    await this.store.read(start * this.blockSize, bytes)
    return bytes
  }

  /**
   * Brings blocks into the cache, near ones in one request, four requests at a
   * time. More than the cache can hold at once are left for {@link read}.
   * @param blocks in any order, repetitions allowed
   */
  async prefetch(blocks: Iterable<number>): Promise<void> {
    const wanted = [...new Set(blocks)]
      .filter((block) => !this.held.has(block))
      .slice(0, this.capacity >>> 1)
      .sort((a, b) => a - b)
    const gap = Math.max(1, Math.floor(joinGapBytes / this.blockSize))
    const longest = Math.max(1, Math.floor(longestRead / this.blockSize))
    const reads: number[][] = []
    for (const block of wanted) {
      const read = reads.at(-1)
      if (read && block - read.at(-1)! <= gap && block - read[0]! < longest) read.push(block)
      else reads.push([block])
    }
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < reads.length) {
        const read = reads[next++]!
        const first = read[0]!
        const before = this.forgotten
        const bytes = await this.readRun(first, read.at(-1)! - first + 1)
        if (before !== this.forgotten) continue
        for (const block of read) {
          const at = (block - first) * this.blockSize
          // Copies, so that one wanted block does not keep a megabyte alive.
          this.keep(block, read.length === 1 ? bytes : bytes.slice(at, at + this.blockSize))
        }
      }
    }
    await Promise.all([worker(), worker(), worker(), worker()])
  }

  /** Forgets blocks that were written by somebody. */
  forget(start: number, count: number): void {
    this.forgotten++
    if (count < this.held.size) {
      for (let block = start; block < start + count; block++) this.held.delete(block)
    } else {
      for (const block of [...this.held.keys()]) if (block >= start && block < start + count) this.held.delete(block)
    }
  }

  private keep(block: number, bytes: Uint8Array): void {
    this.held.delete(block)
    this.held.set(block, bytes)
    if (this.held.size > this.capacity) this.held.delete(this.held.keys().next().value!)
  }
}
