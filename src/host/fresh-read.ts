/**
 * Reads what is on a block device now, past what this machine remembers of it: another
 * loop device over the same file writes past that memory, and so does another machine.
 */
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { alignedBuffer } from '../kernel/aligned-buffer.js'

/** Largest sector there is. */
const alignment = 4096

export class FreshReader {
  private readonly handle: FileHandle
  private constructor(handle: FileHandle) {
    this.handle = handle
  }

  /**
   * @param paths of the device, the surest first
   * @returns undefined where it cannot be read so
   */
  static async open(...paths: string[]): Promise<FreshReader | undefined> {
    for (const path of paths) {
      try {
        return new FreshReader(await open(path, constants.O_RDONLY | constants.O_DIRECT | constants.O_NONBLOCK))
      } catch {
        // No /proc here, or no such flag.
      }
    }
    return undefined
  }

  /** @returns the bytes, or undefined when they cannot be had */
  async read(offset: number, length: number): Promise<Uint8Array | undefined> {
    const start = Math.floor(offset / alignment) * alignment
    const buffer = alignedBuffer(Math.ceil((offset + length - start) / alignment) * alignment, alignment)
    try {
      const { bytesRead } = await this.handle.read(buffer, 0, buffer.length, start)
      return bytesRead >= offset + length - start ? buffer.subarray(offset - start, offset - start + length) : undefined
    } catch {
      return undefined
    }
  }

  close(): Promise<void> {
    return this.handle.close()
  }
}
