import { ioError } from '../../src/errors.js'
import type { Store } from '../../src/storage/store.js'

/** A Store over bytes in memory, which it neither copies nor, when read-only, changes. */
export class MemoryStore implements Store {
  flushes = 0

  readonly bytes: Uint8Array
  readonly writable: boolean

  constructor(bytes: Uint8Array, writable = false) {
    this.bytes = bytes
    this.writable = writable
  }

  get size(): number {
    return this.bytes.length
  }

  read(offset: number, buffer: Uint8Array): Promise<void> {
    if (offset + buffer.length > this.size) return Promise.reject(ioError(`ends before byte ${offset + buffer.length}`))
    buffer.set(this.bytes.subarray(offset, offset + buffer.length))
    return Promise.resolve()
  }

  write(offset: number, buffer: Uint8Array): Promise<void> {
    if (!this.writable) return Promise.reject(new Error('written although read-only'))
    this.bytes.set(buffer, offset)
    return Promise.resolve()
  }

  flush(): Promise<void> {
    this.flushes++
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
