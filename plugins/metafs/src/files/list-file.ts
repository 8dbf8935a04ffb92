import { Errno } from '../fuse/errno.js'
import type { OpenFile } from '../fuse/session.js'
import { Place } from './place.js'

/** One line of a list, and the block behind what it tells of. */
export interface Line {
  readonly text: string
  readonly next: number
}

/** Lines from a block on; asked for no more of them than fit. */
export type Lines = (from: number, signal: AbortSignal) => AsyncIterable<Line>

/**
 * A list of extents, a line each. A read gets as many whole lines as fit, or a part of
 * one where not even one does, so that programs that fill their buffers to the last
 * byte get on; the rest comes with the next read. The end of the list reads as the end
 * of the file.
 */
export class ListFile implements OpenFile {
  private readonly place = new Place()

  private readonly lines: Lines
  private readonly firstFrom: (block: number, signal: AbortSignal) => Promise<number | undefined>

  /** @param firstFrom the first block that is told of at or behind another; for SEEK_DATA. Undefined behind the last */
  constructor(lines: Lines, firstFrom: (block: number, signal: AbortSignal) => Promise<number | undefined>) {
    this.lines = lines
    this.firstFrom = firstFrom
  }

  /** @throws Errno EINVAL as Place says */
  async read(position: number, size: number, signal: AbortSignal): Promise<Uint8Array> {
    const { block, rest: begun } = this.place.at(position, true)
    let text = begun.slice(0, size)
    let rest = begun.slice(size)
    let next = block
    if (rest === '') {
      for await (const line of this.lines(block, signal)) {
        if (text.length + line.text.length > size) {
          if (text !== '') break
          text = line.text.slice(0, size)
          rest = line.text.slice(size)
          next = line.next
          break
        }
        text += line.text
        next = line.next
      }
    }
    if (text !== '') this.place.went(position, text.length, next, rest)
    return Buffer.from(text)
  }

  write(): Promise<never> {
    throw new Errno('EBADF')
  }

  async seekData(position: number, signal: AbortSignal): Promise<number> {
    const block = await this.firstFrom(this.place.jump(position), signal)
    if (block === undefined) throw new Errno('ENXIO')
    return block
  }
}
