import type { Store } from './store.js'

/** A store that gives something back, such as a lock, when it is closed. */
export class ReleasingStore implements Store {
  private closed = false

  private readonly below: Store
  private readonly release: () => Promise<void>

  constructor(below: Store, release: () => Promise<void>) {
    this.below = below
    this.release = release
  }

  get size(): number {
    return this.below.size
  }

  get writable(): boolean {
    return this.below.writable
  }

  read(offset: number, buffer: Uint8Array): Promise<void> {
    return this.below.read(offset, buffer)
  }

  write(offset: number, buffer: Uint8Array): Promise<void> {
    return this.below.write(offset, buffer)
  }

  flush(): Promise<void> {
    return this.below.flush()
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    try {
      await this.below.close()
    } finally {
      await this.release()
    }
  }
}
