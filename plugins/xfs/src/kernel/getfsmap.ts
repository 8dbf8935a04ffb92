/**
 * FS_IOC_GETFSMAP as XFS answers it: the free space of the data device, and on
 * filesystems with reverse mapping the inode behind every other block. The structures
 * are those of getfsmap.ts; here flags, owner and offset count as well:
 *
 *   u32 fmr_flags;     0x04   1 unwritten, 2 attributes, 4 extent tree, 0x10 owner is no inode
 *   u64 fmr_physical;  0x08
 *   u64 fmr_owner;     0x10   inode, or with flag 0x10 one of the owners below
 *   u64 fmr_offset;    0x18   position in the file, in bytes
 *   u64 fmr_length;    0x20
 *
 * Without reverse mapping everything in use is 'unknown'. Records of a log or realtime
 * device of its own are left out. Freed blocks appear only after a commit: syncfs first.
 */
import { allOnes, getU64, ioctl, ioReadWrite, setU64 } from 'bootpack/kernel'

const headSize = 0xc0
const recordSize = 0x40
const lowKey = 0x40
const highKey = 0x80
const FS_IOC_GETFSMAP = ioReadWrite('X', 59, headSize)

const flag = { unwritten: 0x1, attributes: 0x2, extentTree: 0x4, shared: 0x8, special: 0x10, last: 0x20 } as const

export type XfsOwner =
  'free' | 'unknown' | 'superblock' | 'log' | 'group-header' | 'inode-tree' | 'inodes' | 'metadata' | 'file'

const special = new Map<number, XfsOwner>([
  [1, 'free'],
  [2, 'unknown'],
  ...(['superblock', 'log', 'group-header', 'inode-tree', 'inodes', 'metadata', 'metadata', 'metadata'] as const).map(
    (owner, i): [number, XfsOwner] => [0x58 * 0x1_0000_0000 + i + 1, owner],
  ),
])

/** A run of the data device, in bytes. */
export interface XfsSpace {
  readonly physical: number
  readonly length: number
  readonly owner: XfsOwner
  /** Of a 'file'; 0 otherwise. */
  readonly inode: number
  /** Of a 'file': position in it, meaningless for attributes and trees. */
  readonly offset: number
  readonly holds: 'data' | 'attributes' | 'extent-tree'
  readonly unwritten: boolean
}

const batch = 4096

/**
 * The map from byte `from` to byte `to`, in order. Runs may reach over both ends, and a
 * block that files share has a run for each of them.
 * @throws KernelError
 */
export function xfsSpaceMap(fd: number, from = 0, to = Infinity): XfsSpace[] {
  const structure = Buffer.alloc(headSize + batch * recordSize)
  structure.writeUInt32LE(batch, 0x08)
  setU64(structure, lowKey + 0x08, from)
  // Every field of the upper key is compared but its length, which must be 0.
  structure.fill(0xff, highKey, highKey + 0x20)
  setU64(structure, highKey + 0x08, to === Infinity ? allOnes : to - 1)
  const runs: XfsSpace[] = []
  let device: number | undefined
  for (;;) {
    ioctl({ call: 'FS_IOC_GETFSMAP' }, fd, FS_IOC_GETFSMAP, structure)
    const count = structure.readUInt32LE(0x0c)
    let record = headSize
    for (let i = 0; i < count; i++, record += recordSize) {
      // The data device comes first.
      device ??= structure.readUInt32LE(record)
      if (structure.readUInt32LE(record) !== device) return runs
      const physical = getU64(structure, record + 0x08)
      if (physical < to) runs.push(decode(structure, record))
    }
    if (count === 0 || (structure.readUInt32LE(record - recordSize + 0x04) & flag.last) !== 0) return runs
    structure.copy(structure, lowKey, record - recordSize, record)
  }
}

function decode(structure: Buffer, record: number): XfsSpace {
  const flags = structure.readUInt32LE(record + 0x04)
  const owner = (flags & flag.special) === 0 ? 'file' : (special.get(getU64(structure, record + 0x10)) ?? 'unknown')
  return {
    physical: getU64(structure, record + 0x08),
    length: getU64(structure, record + 0x20),
    owner,
    inode: owner === 'file' ? getU64(structure, record + 0x10) : 0,
    offset:
      owner === 'file' && (flags & (flag.attributes | flag.extentTree)) === 0 ? getU64(structure, record + 0x18) : 0,
    holds: (flags & flag.extentTree) !== 0 ? 'extent-tree' : (flags & flag.attributes) !== 0 ? 'attributes' : 'data',
    unwritten: (flags & flag.unwritten) !== 0,
  }
}
