/**
 * EXT4_IOC_MOVE_EXT: the physical blocks of two files change hands, the contents
 * stay with the original. This is all that packing a mounted filesystem needs.
 *
 *   struct move_extent {
 *     u32 reserved;      0x00   must be zero
 *     u32 donor_fd;      0x04
 *     u64 orig_start;    0x08   everything in filesystem blocks
 *     u64 donor_start;   0x10
 *     u64 len;           0x18
 *     u64 moved_len;     0x20   written by the kernel
 *   };
 *
 * Caveats, as measured on 6.18:
 * - the original must be open read-write, the donor at least for writing, both on
 *   the same ext4 filesystem and with extent-mapped, unencrypted, regular inodes;
 * - with blocks smaller than a page, the two starts must be equal modulo the
 *   blocks of a page (EINVAL);
 * - a range that leaves the file or ends in a hole may move and still fail with
 *   ENODATA; a hole in the donor succeeds and moves nothing. The return value
 *   proves nothing: read FIEMAP again;
 * - EBUSY: pages under writeback or mapped for writing; fdatasync and repeat.
 */
import { kernelError } from './errno.js'
import { tryIoctl } from './libc.js'
import { ioReadWrite } from './ioctl-number.js'
import { getU64, setU64, whole } from './words.js'

const size = 0x28
const EXT4_IOC_MOVE_EXT = ioReadWrite('f', 15, size)

export interface ExtentExchange {
  /** Descriptor of the file whose contents stay, open read-write. */
  readonly original: number
  /** Descriptor of the file that holds the wanted blocks. */
  readonly donor: number
  /** First logical block in the original. */
  readonly originalStart: number
  /** First logical block in the donor. */
  readonly donorStart: number
  /** Blocks. */
  readonly length: number
}

export interface Exchanged {
  /** Blocks the kernel says it moved; may be more than zero beside an error. */
  readonly moved: number
  /** 0, or the errno the call ended with. */
  readonly errno: number
}

/** Exchanges blocks and reports both how far it came and what stopped it. */
export function tryMoveExtent(exchange: ExtentExchange): Exchanged {
  const structure = Buffer.alloc(size)
  structure.writeUInt32LE(whole(exchange.donor), 0x04)
  setU64(structure, 0x08, exchange.originalStart)
  setU64(structure, 0x10, exchange.donorStart)
  setU64(structure, 0x18, exchange.length)
  const result = tryIoctl(exchange.original, EXT4_IOC_MOVE_EXT, structure)
  return { moved: getU64(structure, 0x20), errno: result < 0 ? -result : 0 }
}

/**
 * @returns blocks moved
 * @throws KernelError
 */
export function moveExtent(exchange: ExtentExchange): number {
  const { moved, errno } = tryMoveExtent(exchange)
  if (errno !== 0) throw kernelError({ call: 'EXT4_IOC_MOVE_EXT' }, errno)
  return moved
}
