/**
 * A Store whose bytes a server of the network block device protocol has, at a Unix socket:
 * qemu-nbd, which knows the formats of virtual disks. Many requests are under way at once;
 * replies come in any order and are told apart by their cookies.
 */
import { connect, type Socket } from 'node:net'
import { ioError } from '../../errors.js'
import type { Store } from '../../storage/store.js'
import { ByteQueue } from './byte-queue.js'
import {
  command,
  failure,
  handshakeFlags,
  handshakeMagic,
  information,
  longestTransfer,
  option,
  optionMagic,
  optionReply,
  optionReplyMagic,
  optionReplySize,
  replyMagic,
  replySize,
  requestMagic,
  requestSize,
  transmission,
} from './protocol.js'

interface Waiting {
  /** Filled by the reply; undefined for what has no data. */
  readonly into: Uint8Array | undefined
  readonly what: string
  readonly done: () => void
  readonly failed: (error: Error) => void
}

export class NbdStore implements Store {
  private readonly waiting = new Map<bigint, Waiting>()
  private cookie = 0n
  private broken: Error | undefined
  private readonly socket: Socket
  private readonly bytes: ByteQueue
  readonly size: number
  readonly writable: boolean
  /** For messages: the image. */
  private readonly name: string

  private constructor(socket: Socket, bytes: ByteQueue, size: number, writable: boolean, name: string) {
    this.socket = socket
    this.bytes = bytes
    this.size = size
    this.writable = writable
    this.name = name
  }

  /**
   * @param path of the socket
   * @param name of the image, for messages
   * @throws the socket's own error when nobody listens there; io when who does speaks something else
   */
  static async connect(path: string, name: string): Promise<NbdStore> {
    const socket = connect(path)
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    const bytes = new ByteQueue(socket)
    try {
      const { size, flags } = await negotiate(socket, bytes, name)
      const store = new NbdStore(socket, bytes, size, (flags & transmission.readOnly) === 0, name)
      void store.receive()
      return store
    } catch (error) {
      socket.destroy()
      throw error
    }
  }

  async read(offset: number, buffer: Uint8Array): Promise<void> {
    if (offset + buffer.length > this.size)
      throw ioError(`${this.name}: ends at byte ${this.size}, before what was to be read`)
    const parts: Promise<void>[] = []
    for (let at = 0; at < buffer.length; at += longestTransfer) {
      const part = buffer.subarray(at, at + longestTransfer)
      parts.push(this.ask(command.read, offset + at, part.length, { into: part }))
    }
    await Promise.all(parts)
  }

  async write(offset: number, buffer: Uint8Array): Promise<void> {
    if (!this.writable) throw ioError(`${this.name}: was opened for reading only`)
    if (offset + buffer.length > this.size)
      throw ioError(`${this.name}: a write at byte ${offset} would reach beyond its end`)
    const parts: Promise<void>[] = []
    for (let at = 0; at < buffer.length; at += longestTransfer) {
      const part = buffer.subarray(at, at + longestTransfer)
      parts.push(this.ask(command.write, offset + at, part.length, { data: part }))
    }
    await Promise.all(parts)
  }

  async flush(): Promise<void> {
    if (this.writable) await this.ask(command.flush, 0, 0, {})
  }

  async close(): Promise<void> {
    if (this.socket.destroyed) return
    const closed = new Promise<void>((resolve) => this.socket.once('close', () => resolve()))
    if (!this.broken) this.socket.write(requestOf(command.disconnect, 0n, 0, 0))
    this.broken ??= ioError(`${this.name}: was closed`)
    this.socket.end()
    await closed
  }

  private ask(
    type: number,
    offset: number,
    length: number,
    { into, data }: { readonly into?: Uint8Array; readonly data?: Uint8Array },
  ): Promise<void> {
    if (this.broken) return Promise.reject(this.broken)
    const cookie = ++this.cookie
    return new Promise((done, failed) => {
      const what = `${type === command.read ? 'read' : type === command.write ? 'write' : 'flush'} at byte ${offset}`
      this.waiting.set(cookie, { into, what, done, failed })
      this.socket.write(requestOf(type, cookie, offset, length))
      // The caller may use its buffer again once this has ended, which is after the server has read it.
      if (data) this.socket.write(data)
    })
  }

  private async receive(): Promise<void> {
    try {
      for (;;) {
        const reply = await this.bytes.take(replySize)
        if (reply.readUInt32BE(0) !== replyMagic) throw ioError(`${this.name}: qemu-nbd answers in an unknown way`)
        const cookie = reply.readBigUInt64BE(8)
        const asked = this.waiting.get(cookie)
        if (!asked) throw ioError(`${this.name}: qemu-nbd answers what nobody asked`)
        const error = reply.readUInt32BE(4)
        if (error === failure.none && asked.into) await this.bytes.fill(asked.into)
        this.waiting.delete(cookie)
        if (error === failure.none) asked.done()
        else asked.failed(this.failureOf(error, asked.what))
      }
    } catch (error) {
      this.broken ??= ioError(`${this.name}: qemu-nbd is gone`, error)
      for (const { failed } of this.waiting.values()) failed(this.broken)
      this.waiting.clear()
      this.socket.destroy()
    }
  }

  private failureOf(error: number, what: string): Error {
    const full = error === failure.noSpace
    const cause = full ? Object.assign(new Error('no space left'), { code: 'ENOSPC' }) : undefined
    return ioError(`${this.name}: cannot ${what}: ${full ? 'no space left' : `error ${error}`}`, cause)
  }
}

function requestOf(type: number, cookie: bigint, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(requestSize)
  bytes.writeUInt32BE(requestMagic, 0)
  bytes.writeUInt16BE(type, 6)
  bytes.writeBigUInt64BE(cookie, 8)
  bytes.writeBigUInt64BE(BigInt(offset), 16)
  bytes.writeUInt32BE(length, 24)
  return bytes
}

/** Fixed newstyle: both say what they can, and the client asks for the one export, which has no name. */
async function negotiate(
  socket: Socket,
  bytes: ByteQueue,
  name: string,
): Promise<{ readonly size: number; readonly flags: number }> {
  const greeting = await bytes.take(handshakeMagic.length + 2)
  if (!greeting.subarray(0, handshakeMagic.length).equals(handshakeMagic))
    throw ioError(`${name}: what answers is no server of block devices`)
  const client = Buffer.alloc(4)
  client.writeUInt32BE(handshakeFlags.fixedNewstyle | handshakeFlags.noZeroes)
  // No name (four bytes of length), and no more wishes (two).
  const asked = Buffer.alloc(16 + 6)
  optionMagic.copy(asked, 0)
  asked.writeUInt32BE(option.go, 8)
  asked.writeUInt32BE(6, 12)
  socket.write(Buffer.concat([client, asked]))
  let facts: { size: number; flags: number } | undefined
  for (;;) {
    const reply = await bytes.take(optionReplySize)
    if (reply.readBigUInt64BE(0) !== optionReplyMagic) throw ioError(`${name}: qemu-nbd answers in an unknown way`)
    const type = reply.readUInt32BE(12)
    const data = await bytes.take(reply.readUInt32BE(16))
    if (type === optionReply.ack) break
    if (type !== optionReply.info) throw ioError(`${name}: qemu-nbd does not give it (answer ${type.toString(16)})`)
    if (data.readUInt16BE(0) === information.export)
      facts = { size: Number(data.readBigUInt64BE(2)), flags: data.readUInt16BE(10) }
  }
  if (!facts) throw ioError(`${name}: qemu-nbd does not tell its size`)
  return facts
}
