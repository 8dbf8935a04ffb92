import { ioError } from '../errors.js'
import type { Store } from './store.js'

/**
 * A part of another store as a store of its own: a partition of a disk, or the
 * disk inside a file with a trailer. Offsets start at 0 and nothing outside the
 * part can be reached. Closing it closes the store below.
 */
export class PartitionStore implements Store {
  private readonly below: Store
  readonly start: number
  readonly size: number

  /**
   * @param start bytes from the start of the store below
   * @param size  bytes; the part may end beyond the store below (a truncated image),
   *              reading there then fails as it does below
   */
  constructor(below: Store, start: number, size: number) {
    this.below = below
    this.start = start
    this.size = size
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(size) || start < 0 || size < 0) {
      throw new RangeError(`No part of a store begins at ${start} with ${size} bytes`)
    }
  }

  get writable(): boolean {
    return this.below.writable
  }

  async read(offset: number, buffer: Uint8Array): Promise<void> {
    await this.below.read(this.place(offset, buffer.length, 'read'), buffer)
  }

  async write(offset: number, buffer: Uint8Array): Promise<void> {
    await this.below.write(this.place(offset, buffer.length, 'write'), buffer)
  }

  flush(): Promise<void> {
    return this.below.flush()
  }

  close(): Promise<void> {
    return this.below.close()
  }

  private place(offset: number, length: number, verb: string): number {
    if (!(offset >= 0) || offset + length > this.size) {
      throw ioError(`Cannot ${verb} ${length} bytes at byte ${offset} of a partition of ${this.size} bytes`)
    }
    return this.start + offset
  }
}
