import type { Socket } from 'node:net'
import { ioError } from '../../errors.js'

/** What comes from a socket, taken in pieces of a wanted length, one taker at a time. */
export class ByteQueue {
  private pieces: Buffer[] = []
  private length = 0
  private ended: Error | undefined
  private wake: (() => void) | undefined

  constructor(socket: Socket) {
    socket.on('data', (piece: Buffer) => {
      this.pieces.push(piece)
      this.length += piece.length
      this.wake?.()
    })
    const end = (error?: Error): void => {
      this.ended ??= error ?? ioError('the connection ended')
      this.wake?.()
    }
    socket.on('error', end)
    socket.on('close', () => end())
  }

  /** @throws what ended the connection before */
  async take(length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length)
    await this.fill(bytes)
    return bytes
  }

  async fill(into: Uint8Array): Promise<void> {
    for (let at = 0; at < into.length;) {
      if (this.length === 0) {
        if (this.ended) throw this.ended
        await new Promise<void>((resolve) => (this.wake = resolve))
        this.wake = undefined
        continue
      }
      const [piece] = this.pieces as [Buffer]
      const used = Math.min(piece.length, into.length - at)
      into.set(piece.subarray(0, used), at)
      at += used
      this.length -= used
      if (used === piece.length) this.pieces.shift()
      else this.pieces[0] = piece.subarray(used)
    }
  }
}
