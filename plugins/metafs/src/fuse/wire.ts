/**
 * The kernel's FUSE protocol, version 7.31, as far as a small synthetic filesystem
 * speaks it: what a request holds, what an answer looks like. Numbers are in the order
 * of the machine, and here it is little-endian: others are refused before they mount.
 * Source of the layouts: include/uapi/linux/fuse.h.
 *
 * A request is a header of 40 bytes (length, opcode, unique, node, caller) and a body
 * that depends on the opcode; an answer is a header of 16 bytes (length, minus errno,
 * unique) and, unless it is an error, a body.
 */

export const opcode = {
  lookup: 1,
  forget: 2,
  getAttributes: 3,
  setAttributes: 4,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  openDirectory: 27,
  readDirectory: 28,
  releaseDirectory: 29,
  access: 34,
  create: 35,
  interrupt: 36,
  destroy: 38,
  ioctl: 39,
  batchForget: 42,
  seek: 46,
} as const

export const protocolMajor = 7
const protocolMinor = 31

/** Largest READ the mount asks for (max_read), in bytes. */
export const mostRead = 128 * 1024
/** Largest WRITE taken, in bytes. */
export const mostWritten = 4096
/** What a read of /dev/fuse must have room for, or the kernel refuses it. */
export const requestRoom = Math.max(8192, mostWritten + 80)

/** File offsets go round nothing and mean nothing: every read and write comes here as it was made. */
const FOPEN_DIRECT_IO = 1

export interface Request {
  readonly opcode: number
  /** Names the request in its answer and in an interruption. */
  readonly unique: bigint
  readonly node: number
  readonly user: number
  /** Of the thread that asks, in this process's view; 0 when there is none. */
  readonly process: number
  readonly body: DataView<ArrayBuffer>
}

const headerSize = 40

/** @returns undefined for what is too short to be a request */
export function decodeRequest(bytes: Uint8Array<ArrayBuffer>): Request | undefined {
  if (bytes.length < headerSize) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return {
    opcode: view.getUint32(4, true),
    unique: view.getBigUint64(8, true),
    node: u64(view, 16),
    user: view.getUint32(24, true),
    process: view.getUint32(32, true),
    body: new DataView(bytes.buffer, bytes.byteOffset + headerSize, bytes.length - headerSize),
  }
}

/** Beyond 2^53 only approximately, which is beyond everything here. */
const u64 = (view: DataView, at: number): number => Number(view.getBigUint64(at, true))

const cString = (body: DataView<ArrayBuffer>): string => {
  const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
  const end = bytes.indexOf(0)
  return Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString('latin1')
}

/** LOOKUP: the name, a character per byte. */
export const nameOf = (body: DataView<ArrayBuffer>): string => cString(body)

export const initOf = (body: DataView): { major: number; minor: number; readAhead: number } => ({
  major: body.getUint32(0, true),
  minor: body.getUint32(4, true),
  readAhead: body.getUint32(8, true),
})

/** OPEN and OPENDIR: flags as of open(2). */
export const openFlagsOf = (body: DataView): number => body.getUint32(0, true)

/** READ, READDIR, and the head of WRITE. */
export const transferOf = (body: DataView): { handle: number; offset: number; size: number } => ({
  handle: u64(body, 0),
  offset: u64(body, 8),
  size: body.getUint32(16, true),
})

const FUSE_READ_LOCKOWNER = 2

/**
 * READ: whether a client's read(2) or pread(2) asks. What splice(2) and sendfile(2) ask
 * for goes through the page cache, in whole pages at positions of the kernel's own, and
 * carries no owner.
 */
export const isClientsRead = (body: DataView): boolean => (body.getUint32(20, true) & FUSE_READ_LOCKOWNER) !== 0

/** Data of a WRITE; a view of the request. */
export function writtenBytesOf(body: DataView<ArrayBuffer>): Uint8Array {
  const { size } = transferOf(body)
  return new Uint8Array(body.buffer, body.byteOffset + 40, Math.min(size, body.byteLength - 40))
}

/** RELEASE, RELEASEDIR, FLUSH. */
export const handleOf = (body: DataView): number => u64(body, 0)

const FATTR_MODE = 1
const FATTR_UID = 2
const FATTR_GID = 4

/** SETATTR: whether it leaves mode and owner alone. */
export const setAttributesOf = (body: DataView): { sizeOrTimes: boolean } => ({
  sizeOrTimes: (body.getUint32(0, true) & (FATTR_MODE | FATTR_UID | FATTR_GID)) === 0,
})

/** LSEEK: with SEEK_DATA or SEEK_HOLE; the others the kernel does itself. */
export const seekOf = (body: DataView): { handle: number; offset: number; whence: number } => ({
  handle: u64(body, 0),
  offset: Number(body.getBigInt64(8, true)),
  whence: body.getUint32(16, true),
})

/** INTERRUPT: the request that need not go on. */
export const interruptedOf = (body: DataView): bigint => body.getBigUint64(0, true)

/** Attributes as stat(2) shows them. */
export interface Attributes {
  readonly node: number
  readonly directory: boolean
  /** Permission bits, such as 0o644. */
  readonly permissions: number
  /** Bytes. */
  readonly size: number
}

const attributesSize = 88

function putAttributes(
  view: DataView,
  at: number,
  { node, directory, permissions, size }: Attributes,
  owner: Owner,
): void {
  view.setBigUint64(at, BigInt(node), true)
  view.setBigUint64(at + 8, BigInt(size), true)
  // As many blocks as the size asks for, so that nobody looks for holes.
  view.setBigUint64(at + 16, BigInt(Math.ceil(size / 512)), true)
  for (const time of [24, 32, 40]) view.setBigUint64(at + time, BigInt(owner.since), true)
  view.setUint32(at + 60, (directory ? 0o040000 : 0o100000) | permissions, true)
  view.setUint32(at + 64, directory ? 2 : 1, true)
  view.setUint32(at + 68, owner.user, true)
  view.setUint32(at + 72, owner.group, true)
  view.setUint32(at + 80, 4096, true)
}

/** What all files of a mount have in common. */
export interface Owner {
  readonly user: number
  readonly group: number
  /** Seconds since 1970: every time stamp. */
  readonly since: number
}

const answerHeader = 16

function answer(
  unique: bigint,
  bodySize: number,
  error = 0,
): { bytes: Uint8Array<ArrayBuffer>; view: DataView<ArrayBuffer> } {
  const bytes = new Uint8Array(answerHeader + bodySize)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, bytes.length, true)
  view.setInt32(4, -error, true)
  view.setBigUint64(8, unique, true)
  return { bytes, view }
}

/** @param error a number of errno, 0 for success without a body */
export const statusAnswer = (unique: bigint, error: number): Uint8Array<ArrayBuffer> => answer(unique, 0, error).bytes

/** Takes no feature of the kernel but writes longer than a page (FUSE_BIG_WRITES). */
export function initAnswer(unique: bigint, readAhead: number): Uint8Array<ArrayBuffer> {
  const { bytes, view } = answer(unique, 64)
  view.setUint32(16, protocolMajor, true)
  view.setUint32(20, protocolMinor, true)
  view.setUint32(24, readAhead, true)
  view.setUint32(28, 1 << 5, true)
  view.setUint16(32, 16, true)
  view.setUint16(34, 12, true)
  view.setUint32(36, mostWritten, true)
  view.setUint32(40, 1, true)
  return bytes
}

/** Names and attributes are never kept by the kernel: a node is gone when its file is deleted. */
export function entryAnswer(unique: bigint, attributes: Attributes, owner: Owner): Uint8Array<ArrayBuffer> {
  const { bytes, view } = answer(unique, 40 + attributesSize)
  view.setBigUint64(16, BigInt(attributes.node), true)
  putAttributes(view, 56, attributes, owner)
  return bytes
}

export function attributesAnswer(unique: bigint, attributes: Attributes, owner: Owner): Uint8Array<ArrayBuffer> {
  const { bytes, view } = answer(unique, 16 + attributesSize)
  putAttributes(view, 32, attributes, owner)
  return bytes
}

export function openAnswer(unique: bigint, handle: number): Uint8Array<ArrayBuffer> {
  const { bytes, view } = answer(unique, 16)
  view.setBigUint64(16, BigInt(handle), true)
  view.setUint32(24, FOPEN_DIRECT_IO, true)
  return bytes
}

export function dataAnswer(unique: bigint, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const { bytes } = answer(unique, data.length)
  bytes.set(data, answerHeader)
  return bytes
}

/** @param size bytes that count as written */
export function writtenAnswer(unique: bigint, size: number): Uint8Array<ArrayBuffer> {
  const { bytes, view } = answer(unique, 8)
  view.setUint32(16, size, true)
  return bytes
}

export function seekAnswer(unique: bigint, position: number): Uint8Array<ArrayBuffer> {
  const { bytes, view } = answer(unique, 8)
  view.setBigUint64(16, BigInt(position), true)
  return bytes
}

/** statfs(2): no blocks at all, as a filesystem has that takes no room; df leaves it out. */
export function statfsAnswer(unique: bigint): Uint8Array<ArrayBuffer> {
  const { bytes, view } = answer(unique, 80)
  view.setUint32(56, 4096, true)
  view.setUint32(60, 255, true)
  view.setUint32(64, 4096, true)
  return bytes
}

export interface DirectoryEntry {
  readonly name: string
  readonly node: number
  readonly directory: boolean
  /** Where a listing that stops behind this entry goes on. */
  readonly next: number
}

/** As many entries as fit `room` bytes, each padded to 8. */
export function directoryAnswer(
  unique: bigint,
  entries: Iterable<DirectoryEntry>,
  room: number,
): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(room)
  const view = new DataView(data.buffer)
  let at = 0
  for (const { name, node, directory, next } of entries) {
    const bytes = Buffer.from(name, 'latin1')
    const padded = Math.ceil((24 + bytes.length) / 8) * 8
    if (at + padded > room) break
    view.setBigUint64(at, BigInt(node), true)
    view.setBigUint64(at + 8, BigInt(next), true)
    view.setUint32(at + 16, bytes.length, true)
    view.setUint32(at + 20, directory ? 4 : 8, true)
    data.set(bytes, at + 24)
    at += padded
  }
  return dataAnswer(unique, data.subarray(0, at))
}
