/**
 * One client of an export: negotiation, then requests until it leaves. Requests are
 * answered in whatever order they are done. A client that breaks the protocol is
 * cut off; the export is none the worse for it.
 */
import type { Socket } from 'node:net'
import { ByteReader } from './byte-reader.js'
import type { NbdExport } from './export.js'
import {
  blockSizeInformation,
  command,
  exportFacts,
  exportInformation,
  failure,
  handshakeFlags,
  handshakeMagic,
  information,
  longestOption,
  longestTransfer,
  option,
  optionHeaderSize,
  optionMagic,
  optionReply,
  optionReplyFor,
  parseInfoOption,
  parseRequest,
  replyFor,
  replySize,
  requestSize,
  u16,
  u32,
  type Request,
} from './protocol.js'

/** Requests and bytes under way before no further request is read from the socket. */
const mostUnderWay = 256
const mostBytesUnderWay = 64 * 1024 * 1024

export class NbdConnection {
  private readonly reader: ByteReader
  private underWay = 0
  private bytesUnderWay = 0
  private room: (() => void) | undefined

  private readonly socket: Socket
  private readonly disk: NbdExport

  constructor(socket: Socket, disk: NbdExport) {
    this.socket = socket
    this.disk = disk
    this.reader = new ByteReader(socket)
  }

  /** Returns when the client has gone; never throws. */
  async serve(): Promise<void> {
    this.socket.on('error', () => {})
    try {
      if (await this.negotiate()) await this.transmit()
    } catch {
      // A socket that fails has no client any more.
    } finally {
      this.socket.destroy()
    }
  }

  /** @returns whether the client wants to read and write now */
  private async negotiate(): Promise<boolean> {
    this.socket.write(Buffer.concat([handshakeMagic, u16(handshakeFlags.fixedNewstyle | handshakeFlags.noZeroes)]))
    const flags = await this.reader.take(4)
    if (!flags || (flags.readUInt32BE(0) & handshakeFlags.fixedNewstyle) === 0) return false
    const noZeroes = (flags.readUInt32BE(0) & handshakeFlags.noZeroes) !== 0
    for (;;) {
      const header = await this.reader.take(optionHeaderSize)
      if (!header || !header.subarray(0, 8).equals(optionMagic)) return false
      const asked = header.readUInt32BE(8)
      const length = header.readUInt32BE(12)
      if (length > longestOption) return false
      const data = await this.reader.take(length)
      if (!data) return false
      switch (asked) {
        case option.exportName:
          if (length !== 0) return false
          this.socket.write(Buffer.concat([exportFacts(this.disk.size), Buffer.alloc(noZeroes ? 0 : 124)]))
          return true
        case option.abort:
          this.answer(asked, optionReply.ack)
          this.socket.end()
          return false
        case option.list:
          // One export, with an empty name.
          if (length === 0) this.answer(asked, optionReply.server, u32(0))
          this.answer(asked, length === 0 ? optionReply.ack : optionReply.invalid)
          break
        case option.info:
        case option.go:
          if (this.inform(asked, data) && asked === option.go) return true
          break
        default:
          this.answer(asked, optionReply.unsupported)
      }
    }
  }

  /** @returns whether the export is the one there is */
  private inform(asked: number, data: Buffer): boolean {
    const request = parseInfoOption(data)
    if (!request) {
      this.answer(asked, optionReply.invalid)
      return false
    }
    if (request.name !== '') {
      this.answer(asked, optionReply.unknownExport)
      return false
    }
    this.answer(asked, optionReply.info, exportInformation(this.disk.size))
    if (request.wants.includes(information.blockSize)) this.answer(asked, optionReply.info, blockSizeInformation())
    this.answer(asked, optionReply.ack)
    return true
  }

  private answer(asked: number, type: number, data?: Buffer): void {
    this.socket.write(optionReplyFor(asked, type, data))
  }

  private async transmit(): Promise<void> {
    for (;;) {
      const bytes = await this.reader.take(requestSize)
      const request = bytes && parseRequest(bytes)
      if (!request || request.type === command.disconnect) break
      let data: Buffer | undefined
      if (request.type === command.write) {
        // Its bytes follow whether it is right or wrong, so one too long leaves no way back.
        if (request.length > longestTransfer) break
        data = await this.reader.take(request.length)
        if (!data) break
      }
      this.begin(request, data)
      while (this.underWay >= mostUnderWay || this.bytesUnderWay >= mostBytesUnderWay) {
        await new Promise<void>((resolve) => {
          this.room = resolve
        })
      }
    }
    // What was asked for before leaving is still answered.
    while (this.underWay > 0 && !this.socket.destroyed)
      await new Promise<void>((resolve) => {
        this.room = resolve
      })
  }

  private begin(request: Request, data: Buffer | undefined): void {
    const bytes = request.type === command.flush ? 0 : Math.min(request.length, longestTransfer)
    this.underWay++
    this.bytesUnderWay += bytes
    const ended = (): void => {
      this.underWay--
      this.bytesUnderWay -= bytes
      const { room } = this
      this.room = undefined
      room?.()
    }
    this.reply(request, data).then(
      (reply) => this.socket.write(reply, ended),
      () => this.socket.write(replyFor(request.cookie, failure.io), ended),
    )
  }

  private async reply({ type, cookie, offset, length }: Request, data: Buffer | undefined): Promise<Buffer> {
    const inside = offset + BigInt(length) <= BigInt(this.disk.size)
    switch (type) {
      case command.read: {
        if (!inside || length > longestTransfer) return replyFor(cookie, failure.invalid)
        const reply = replyFor(cookie, failure.none, length)
        if (length > 0) await this.disk.read(Number(offset), reply.subarray(replySize))
        return reply
      }
      case command.write: {
        if (!inside) return replyFor(cookie, failure.noSpace)
        const written = length === 0 || (await this.disk.write(Number(offset), data!))
        return replyFor(cookie, written ? failure.none : failure.noSpace)
      }
      case command.flush:
        // What was written is as safe as it will ever be: gone when the machine is.
        return replyFor(cookie, failure.none)
      default:
        return replyFor(cookie, failure.unsupported)
    }
  }
}
