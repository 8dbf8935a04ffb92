import type { Store } from './store.js'

/** A store that asks before it writes. */
export class GuardedStore implements Store {
  private readonly below: Store
  private readonly ask: () => void

  /** @param ask throws when nothing may be written */
  constructor(below: Store, ask: () => void) {
    this.below = below
    this.ask = ask
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

  async write(offset: number, buffer: Uint8Array): Promise<void> {
    this.ask()
    await this.below.write(offset, buffer)
  }

  flush(): Promise<void> {
    return this.below.flush()
  }

  close(): Promise<void> {
    return this.below.close()
  }
}
