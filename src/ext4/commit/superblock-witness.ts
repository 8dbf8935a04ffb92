/**
 * The superblock as a witness: whoever mounts, checks or changes a filesystem leaves a
 * trace in it (s_mtime and s_mnt_count, s_lastcheck, s_wtime, needs_recovery, counts of
 * free blocks). Its bytes are kept whenever we have written, and compared before we
 * write again.
 */
import type { Store } from '../../storage/store.js'
import { superblockOffset, superblockSize } from '../format/superblock.js'

/** Reads bytes past the memory of this machine; undefined where that cannot be done. */
export type ReadFresh = (offset: number, length: number) => Promise<Uint8Array | undefined>

export class SuperblockWitness {
  private readonly store: Store
  private readonly readFresh: ReadFresh | undefined
  private last: Uint8Array | undefined

  /** @param readFresh for a filesystem on a device; offsets are the store's */
  constructor(store: Store, readFresh?: ReadFresh) {
    this.store = store
    this.readFresh = readFresh
  }

  /** Keeps what is there now as ours. */
  async remember(): Promise<void> {
    this.last = await this.read()
  }

  /** Whether somebody else has written a superblock since. */
  async changed(): Promise<boolean> {
    return this.last !== undefined && Buffer.compare(this.last, await this.read()) !== 0
  }

  private async read(): Promise<Uint8Array> {
    const bytes = new Uint8Array(superblockSize)
    // First through the store, so that what waits there to be written is written.
    await this.store.read(superblockOffset, bytes)
    return (await this.readFresh?.(superblockOffset, superblockSize)) ?? bytes
  }
}
