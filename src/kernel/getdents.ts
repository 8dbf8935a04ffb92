/**
 * getdents64(2): a directory's entries with their inode numbers and types, which
 * node:fs keeps to itself. A walk that needs no stat per entry is the point.
 *
 *   struct linux_dirent64 {
 *     u64 d_ino;      0x00
 *     s64 d_off;      0x08
 *     u16 d_reclen;   0x10
 *     u8  d_type;     0x12
 *     char d_name[];  0x13   ends with a zero byte
 *   };
 */
import { ioError } from '../errors.js'
import { checked, libcFunction } from './libc.js'
import { getU64 } from './words.js'

const call = libcFunction('int64_t getdents64(int, void *, size_t)')

export type EntryType =
  'regular' | 'directory' | 'symlink' | 'character-device' | 'block-device' | 'fifo' | 'socket' | 'unknown'

const types: Readonly<Record<number, EntryType>> = {
  1: 'fifo',
  2: 'character-device',
  4: 'directory',
  6: 'block-device',
  8: 'regular',
  10: 'symlink',
  12: 'socket',
}

export interface DirectoryEntry {
  readonly inode: number
  readonly type: EntryType
  /** The bytes of the name; not every name is UTF-8. */
  readonly name: Buffer
}

const nameAt = 0x13
let shared: Buffer | undefined

/**
 * All entries of an open directory but '.' and '..', in the kernel's order.
 * @param fd open for reading, at its beginning
 * @throws KernelError
 */
export function directoryEntries(fd: number): DirectoryEntry[] {
  shared ??= Buffer.alloc(256 * 1024)
  const buffer = shared
  const entries: DirectoryEntry[] = []
  for (;;) {
    const filled = checked({ call: 'getdents64' }, () => call(fd, buffer, buffer.length))
    if (filled === 0) return entries
    for (let at = 0; at < filled;) {
      const length = buffer.readUInt16LE(at + 0x10)
      if (length <= nameAt || at + length > filled) throw ioError(`getdents64 returned an entry of ${length} bytes`)
      let end = at + nameAt
      while (end < at + length && buffer[end] !== 0) end++
      const name = buffer.subarray(at + nameAt, end)
      const dots = name.length <= 2 && name.every((byte) => byte === 0x2e)
      if (!dots) {
        entries.push({
          inode: getU64(buffer, at),
          type: types[buffer[at + 0x12]!] ?? 'unknown',
          name: Buffer.from(name),
        })
      }
      at += length
    }
  }
}
