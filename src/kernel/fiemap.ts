/**
 * FS_IOC_FIEMAP: where a file's bytes lie. Needs a descriptor open for reading;
 * works for regular files and, on ext4, for directories. No privilege.
 *
 *   struct fiemap {                       struct fiemap_extent {
 *     u64 fm_start;            0x00         u64 fe_logical;       0x00
 *     u64 fm_length;           0x08         u64 fe_physical;      0x08
 *     u32 fm_flags;            0x10         u64 fe_length;        0x10
 *     u32 fm_mapped_extents;   0x14         u64 fe_reserved64[2];
 *     u32 fm_extent_count;     0x18         u32 fe_flags;         0x28
 *     u32 fm_reserved;         0x1c         u32 fe_reserved[3];
 *     struct fiemap_extent fm_extents[];  };
 *   };
 *
 * The layout is include/uapi/linux/fiemap.h; all positions are in bytes.
 */
import { ioError } from '../errors.js'
import { ioctl } from './libc.js'
import { ioReadWrite } from './ioctl-number.js'
import { allOnes, getU64, setU64 } from './words.js'

const headerSize = 0x20
const extentSize = 0x38
const FS_IOC_FIEMAP = ioReadWrite('f', 11, headerSize)

const FIEMAP_FLAG_SYNC = 0x1
const FIEMAP_FLAG_XATTR = 0x2

const extentFlag = {
  last: 0x1,
  unknown: 0x2,
  delayed: 0x4,
  encoded: 0x8,
  encrypted: 0x80,
  notAligned: 0x100,
  inline: 0x200,
  unwritten: 0x800,
} as const

/** A piece of a file, in bytes. */
export interface MappedExtent {
  readonly logical: number
  readonly physical: number
  readonly length: number
  /** Allocated, reads as zeros. */
  readonly unwritten: boolean
  /** Not on the disk yet (delayed allocation): `physical` means nothing. */
  readonly unplaced: boolean
  /** Inside the inode: `physical` is no block of its own. */
  readonly inline: boolean
}

export interface FiemapOptions {
  /** Write dirty pages out first, so that nothing is `unplaced`. Default true. */
  readonly sync?: boolean
  /** Bytes. Extents are given whole even where they reach over the range. */
  readonly from?: number
  readonly to?: number
  /** Map the extended-attribute block instead of the contents. */
  readonly xattr?: boolean
}

const batch = 512
// One buffer serves all calls: they are synchronous and copy what they return.
let shared: Buffer | undefined

/** Times a map is read again because the file changed between two batches of it. */
const attempts = 5

/**
 * The extents of an open file, by logical position, holes left out.
 * @throws KernelError unsupported where the filesystem has no FIEMAP; io for a file
 *   that changes faster than it can be read
 */
export function fiemap(fd: number, options: FiemapOptions = {}): MappedExtent[] {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const extents = readMap(fd, options)
    if (extents) return extents
  }
  throw ioError('FS_IOC_FIEMAP: the file was changed while it was mapped')
}

function readMap(fd: number, options: FiemapOptions): MappedExtent[] | undefined {
  shared ??= Buffer.alloc(headerSize + batch * extentSize)
  const structure = shared
  const extents: MappedExtent[] = []
  const to = options.to ?? Infinity
  let at = options.from ?? 0
  while (at < to) {
    prepare(structure, at, to === Infinity ? allOnes : to - at, options, batch)
    ioctl({ call: 'FS_IOC_FIEMAP' }, fd, FS_IOC_FIEMAP, structure)
    const count = structure.readUInt32LE(0x14)
    if (count === 0) break
    let last = false
    for (let i = 0; i < count; i++) {
      const entry = headerSize + i * extentSize
      const flags = structure.readUInt32LE(entry + 0x28)
      const logical = getU64(structure, entry)
      const length = getU64(structure, entry + 0x10)
      if (extents.length > 0 && logical < extents.at(-1)!.logical + extents.at(-1)!.length) {
        return undefined
      }
      extents.push({
        logical,
        length,
        physical: getU64(structure, entry + 8),
        unwritten: (flags & extentFlag.unwritten) !== 0,
        unplaced: (flags & (extentFlag.unknown | extentFlag.delayed)) !== 0,
        inline: (flags & extentFlag.inline) !== 0,
      })
      at = logical + length
      last = (flags & extentFlag.last) !== 0
    }
    if (last) break
  }
  return extents
}

/** How many extents the file has, without listing them. */
export function countExtents(fd: number, options: FiemapOptions = {}): number {
  const structure = Buffer.alloc(headerSize)
  const from = options.from ?? 0
  prepare(structure, from, options.to === undefined ? allOnes : options.to - from, options, 0)
  ioctl({ call: 'FS_IOC_FIEMAP' }, fd, FS_IOC_FIEMAP, structure)
  return structure.readUInt32LE(0x14)
}

function prepare(
  structure: Buffer,
  from: number,
  length: number | typeof allOnes,
  options: FiemapOptions,
  room: number,
): void {
  setU64(structure, 0x00, from)
  setU64(structure, 0x08, length)
  structure.writeUInt32LE(
    (options.sync === false ? 0 : FIEMAP_FLAG_SYNC) | (options.xattr ? FIEMAP_FLAG_XATTR : 0),
    0x10,
  )
  structure.writeUInt32LE(0, 0x14)
  structure.writeUInt32LE(room, 0x18)
  structure.writeUInt32LE(0, 0x1c)
}
