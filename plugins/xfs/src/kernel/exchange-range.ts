/**
 * XFS_IOC_EXCHANGE_RANGE and the pair made of it for defragmenting, START_COMMIT and
 * COMMIT_RANGE: parts of two files change places, across power loss too. Needs the
 * feature exchrange on the filesystem; the pair needs a newer kernel than the feature.
 *
 *   struct xfs_exchange_range {     struct xfs_commit_range {
 *     s32 file1_fd;       0x00        the same fields, then
 *     u32 pad;            0x04        u64 file2_freshness[6];  0x28
 *     u64 file1_offset;   0x08      };                         size 0x58
 *     u64 file2_offset;   0x10
 *     u64 length;         0x18
 *     u64 flags;          0x20
 *   };                    size 0x28
 *
 * The layout is fs/xfs/libxfs/xfs_fs.h; all positions are bytes. The call is made on
 * file 2. EXCHANGE_RANGE itself looks at no times, so it would undo what somebody wrote
 * meanwhile: exchanging a file that others may write takes a commit, whose `freshness`
 * is the stat from before the copy.
 *
 * Caveats: EBUSY from COMMIT_RANGE says that file 2 was changed since; EOPNOTSUPP that
 * the filesystem lacks the feature, ENOTTY that the kernel lacks the call.
 */
import { ioctl, ioRead, ioWrite, kernelError, setU64, tryIoctl, whole } from 'bootpack/kernel'

const exchangeSize = 0x28
const commitSize = 0x58
const XFS_IOC_EXCHANGE_RANGE = ioWrite('X', 129, exchangeSize)
const XFS_IOC_START_COMMIT = ioRead('X', 130, commitSize)
const XFS_IOC_COMMIT_RANGE = ioWrite('X', 131, commitSize)

const XFS_EXCHANGE_RANGE_DSYNC = 0x2

/** The target as the kernel saw it; only the kernel can read it. */
export type Freshness = Buffer & { readonly freshness: unique symbol }

/** In bytes, multiples of the block except at the end of both files. */
export interface RangeExchange {
  readonly target: number
  readonly temporary: number
  readonly targetFrom: number
  readonly temporaryFrom: number
  readonly length: number
}

/**
 * Remembers how the target is now, before its contents are copied.
 * @throws KernelError ENOTTY on kernels without the call, EOPNOTSUPP without the feature
 */
export function startCommit(target: number): Freshness {
  const structure = Buffer.alloc(commitSize)
  ioctl({ call: 'XFS_IOC_START_COMMIT' }, target, XFS_IOC_START_COMMIT, structure)
  return structure as Freshness
}

/** Exchanges unless the target was changed. Returns 0, or the errno the call ended with. */
export function tryCommitRange(exchange: RangeExchange, freshness: Freshness): number {
  const structure = Buffer.from(freshness)
  fill(structure, exchange)
  const result = tryIoctl(exchange.target, XFS_IOC_COMMIT_RANGE, structure)
  return result < 0 ? -result : 0
}

/**
 * Exchanges whatever is there: for files nobody else can reach.
 * @throws KernelError
 */
export function exchangeRange(exchange: RangeExchange): void {
  const structure = Buffer.alloc(exchangeSize)
  fill(structure, exchange)
  const result = tryIoctl(exchange.target, XFS_IOC_EXCHANGE_RANGE, structure)
  if (result < 0) throw kernelError({ call: 'XFS_IOC_EXCHANGE_RANGE' }, -result)
}

function fill(structure: Buffer, { temporary, temporaryFrom, targetFrom, length }: RangeExchange): void {
  structure.writeInt32LE(whole(temporary), 0x00)
  setU64(structure, 0x08, temporaryFrom)
  setU64(structure, 0x10, targetFrom)
  setU64(structure, 0x18, length)
  setU64(structure, 0x20, XFS_EXCHANGE_RANGE_DSYNC)
}
