import { Errno } from '../fuse/errno.js'
import type { OpenFile } from '../fuse/session.js'

/** A short text that is what it is: positions are bytes, as everywhere else. */
export class TextFile implements OpenFile {
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  async read(position: number, size: number): Promise<Uint8Array> {
    return Buffer.from(this.text).subarray(position, position + size)
  }

  write(): Promise<never> {
    throw new Errno('EBADF')
  }

  async seekData(position: number): Promise<number> {
    if (position >= this.text.length) throw new Errno('ENXIO')
    return position
  }
}
