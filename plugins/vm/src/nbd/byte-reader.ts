import type { Socket } from 'node:net'

/** Takes exact numbers of bytes from a socket, which is read no further than asked for. */
export class ByteReader {
  private over = false
  private wake: (() => void) | undefined

  private readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
    const more = (): void => {
      const { wake } = this
      this.wake = undefined
      wake?.()
    }
    const end = (): void => {
      this.over = true
      more()
    }
    socket.on('readable', more).on('end', end).on('close', end)
  }

  /** @returns undefined when the other side has ended before; one call at a time */
  async take(count: number): Promise<Buffer | undefined> {
    if (count === 0) return Buffer.alloc(0)
    for (;;) {
      const bytes = this.socket.read(count) as Buffer | null
      // At its end a stream gives what is left.
      if (bytes) return bytes.length === count ? bytes : undefined
      if (this.over) return undefined
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
  }
}
