/**
 * The messages of the network block device protocol as a server reads and writes them:
 * fixed newstyle negotiation, simple replies. Everything is big-endian. The numbers are
 * bootpack's, whose client speaks to qemu-nbd.
 */
import { nbd } from 'bootpack/ext4'

export const {
  handshakeMagic,
  optionMagic,
  optionReplyMagic,
  requestMagic,
  replyMagic,
  handshakeFlags,
  option,
  optionReply,
  information,
  command,
  failure,
  longestTransfer,
  optionHeaderSize,
  requestSize,
  replySize,
} = nbd

const { transmission } = nbd

const transmissionFlags = transmission.hasFlags | transmission.flush | transmission.fua

/** Bytes of an option's data beyond which a client is not to be trusted. */
export const longestOption = 64 * 1024

export interface Request {
  readonly type: number
  /** The client's own name for it, eight bytes. */
  readonly cookie: bigint
  readonly offset: bigint
  readonly length: number
}

/** @returns undefined when the magic is wrong */
export function parseRequest(bytes: Buffer): Request | undefined {
  if (bytes.readUInt32BE(0) !== requestMagic) return undefined
  return {
    type: bytes.readUInt16BE(6),
    cookie: bytes.readBigUInt64BE(8),
    offset: bytes.readBigUInt64BE(16),
    length: bytes.readUInt32BE(24),
  }
}

/** A reply with room for `length` bytes of data behind its 16 bytes. */
export function replyFor(cookie: bigint, error: number, length = 0): Buffer {
  const bytes = Buffer.allocUnsafe(replySize + length)
  bytes.writeUInt32BE(replyMagic, 0)
  bytes.writeUInt32BE(error, 4)
  bytes.writeBigUInt64BE(cookie, 8)
  return bytes
}

export function optionReplyFor(to: number, type: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(20 + data.length)
  bytes.writeBigUInt64BE(optionReplyMagic, 0)
  bytes.writeUInt32BE(to, 8)
  bytes.writeUInt32BE(type, 12)
  bytes.writeUInt32BE(data.length, 16)
  data.copy(bytes, 20)
  return bytes
}

/** Size and flags, as NBD_OPT_EXPORT_NAME is answered and NBD_INFO_EXPORT carries them. */
export function exportFacts(size: number): Buffer {
  const bytes = Buffer.alloc(10)
  bytes.writeBigUInt64BE(BigInt(size), 0)
  bytes.writeUInt16BE(transmissionFlags, 8)
  return bytes
}

export function exportInformation(size: number): Buffer {
  return Buffer.concat([u16(information.export), exportFacts(size)])
}

/** Any alignment will do; whole pages are best. */
export function blockSizeInformation(): Buffer {
  return Buffer.concat([u16(information.blockSize), u32(1), u32(4096), u32(longestTransfer)])
}

/** What an NBD_OPT_INFO or NBD_OPT_GO asks for; undefined when its lengths do not fit. */
export function parseInfoOption(
  data: Buffer,
): { readonly name: string; readonly wants: readonly number[] } | undefined {
  if (data.length < 6) return undefined
  const nameLength = data.readUInt32BE(0)
  if (nameLength > data.length - 6) return undefined
  const count = data.readUInt16BE(4 + nameLength)
  if (data.length !== 6 + nameLength + 2 * count) return undefined
  const wants = Array.from({ length: count }, (_, i) => data.readUInt16BE(6 + nameLength + 2 * i))
  return { name: data.toString('utf8', 4, 4 + nameLength), wants }
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
