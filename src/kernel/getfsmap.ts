/**
 * FS_IOC_GETFSMAP: who holds the space of a filesystem, by physical position. On
 * ext4 it knows free space and the fixed metadata; everything else, the journal
 * included, is "unknown". Any descriptor on the filesystem does.
 *
 *   struct fsmap_head {               struct fsmap {
 *     u32 fmh_iflags;        0x00       u32 fmr_device;    0x00
 *     u32 fmh_oflags;        0x04       u32 fmr_flags;     0x04
 *     u32 fmh_count;         0x08       u64 fmr_physical;  0x08
 *     u32 fmh_entries;       0x0c       u64 fmr_owner;     0x10
 *     u64 fmh_reserved[6];   0x10       u64 fmr_offset;    0x18
 *     struct fsmap fmh_keys[2]; 0x40    u64 fmr_length;    0x20
 *     struct fsmap fmh_recs[];  0xc0    u64 fmr_reserved[3];
 *   };                                };                   size 0x40
 *
 * The layout is include/uapi/linux/fsmap.h, ext4's owners are in fs/ext4/fsmap.h.
 *
 * Caveats: blocks the kernel holds back for a growing file (preallocation) count
 * as in use, blocks promised to dirty pages (delayed allocation) as free, and
 * freed blocks appear only after the journal commits: syncfs first.
 */
import { ioctl } from './libc.js'
import { ioReadWrite } from './ioctl-number.js'
import { getU64, setU64, allOnes } from './words.js'

const headSize = 0xc0
const recordSize = 0x40
const lowKey = 0x40
const highKey = 0x80
const FS_IOC_GETFSMAP = ioReadWrite('X', 59, headSize)

const FMR_OF_LAST = 0x20

export type SpaceOwner =
  | 'free'
  | 'unknown'
  | 'superblock'
  | 'group-descriptors'
  | 'reserved-descriptors'
  | 'block-bitmap'
  | 'inode-bitmap'
  | 'inode-table'

/** An owner is 32 bits of type and 32 bits of code: 0 for the common ones, 'X' and 'f' for ext4's. */
const owners = new Map<number, SpaceOwner>([
  [ownerKey(0, 1), 'free'],
  [ownerKey(0, 2), 'unknown'],
  [ownerKey('X', 1), 'superblock'],
  [ownerKey('X', 5), 'inode-table'],
  [ownerKey('f', 1), 'group-descriptors'],
  [ownerKey('f', 2), 'reserved-descriptors'],
  [ownerKey('f', 3), 'block-bitmap'],
  [ownerKey('f', 4), 'inode-bitmap'],
])

function ownerKey(type: string | 0, code: number): number {
  return (type === 0 ? 0 : type.charCodeAt(0)) * 0x1_0000_0000 + code
}

/** A run of the device, in bytes. */
export interface SpaceRun {
  readonly physical: number
  readonly length: number
  /** An owner this list does not know is 'unknown': in use. */
  readonly owner: SpaceOwner
}

const batch = 4096
let shared: Buffer | undefined

/**
 * The map from byte `from` to byte `to` (default: all of it), in order. Runs may
 * reach over both ends.
 * @param only keep runs of this owner; a large disk in use has millions of all kinds
 * @throws KernelError unsupported where the filesystem has no GETFSMAP
 */
export function getFsMap(fd: number, from = 0, to = Infinity, only?: SpaceOwner): SpaceRun[] {
  shared ??= Buffer.alloc(headSize + batch * recordSize)
  const structure = shared
  structure.fill(0, 0, headSize)
  structure.writeUInt32LE(batch, 0x08)
  setU64(structure, lowKey + 0x08, from)
  // Every field of the upper key is compared, so all of them are at their largest.
  structure.fill(0xff, highKey, highKey + 0x28)
  setU64(structure, highKey + 0x08, to === Infinity ? allOnes : to - 1)
  const runs: SpaceRun[] = []
  for (;;) {
    ioctl({ call: 'FS_IOC_GETFSMAP' }, fd, FS_IOC_GETFSMAP, structure)
    const count = structure.readUInt32LE(0x0c)
    let record = headSize
    for (let i = 0; i < count; i++, record += recordSize) {
      const owner = owners.get(getU64(structure, record + 0x10)) ?? 'unknown'
      if (only !== undefined && owner !== only) continue
      runs.push({ physical: getU64(structure, record + 0x08), length: getU64(structure, record + 0x20), owner })
    }
    if (count === 0 || (structure.readUInt32LE(record - recordSize + 0x04) & FMR_OF_LAST) !== 0) return runs
    // The last record, lengths and all, is the low key that resumes after it.
    structure.copy(structure, lowKey, record - recordSize, record)
  }
}
