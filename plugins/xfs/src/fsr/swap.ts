/**
 * The moment in which the target gets its new blocks. Whatever way is taken, the kernel
 * compares the target with a stat from before the copy and refuses if it was changed.
 *
 * With the feature exchrange: COMMIT_RANGE, which is EXCHANGE_RANGE with that comparison.
 * Where the feature or the call is missing: SWAPEXT.
 */
import { failedWith, errnoName, errnoNumber } from 'bootpack/kernel'
import { xfsInode, type XfsInode } from '../kernel/bulkstat.js'
import { startCommit, tryCommitRange, type Freshness } from '../kernel/exchange-range.js'
import { trySwapExtents } from '../kernel/swapext.js'
import type { XfsFilesystem } from '../filesystem/xfs-filesystem.js'
import { Leave } from './outcome.js'

/** The target as it was before its contents were copied. */
export interface Before {
  readonly inode: XfsInode
  /** The kernel's own note of it; undefined where only SWAPEXT is to be had. */
  readonly freshness?: Freshness
}

/** How long a change must be past before times can tell the next one from it: a few ticks. */
const settled = 50

const pause = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

/**
 * Remembers the target. Two changes within one tick of the kernel's clock have the same
 * time on many kernels, so one that was changed this very moment is waited for.
 * @param target descriptor
 * @throws Leave when it is changed again and again, or gone
 */
export function rememberTarget(filesystem: XfsFilesystem, target: number, inode: number): Before {
  for (let attempt = 0; attempt < 4; attempt++) {
    const now = xfsInode(filesystem.root, inode)
    if (!now) throw new Leave('skipped', 'gone', 'was deleted meanwhile')
    const age = Date.now() - changed(now)
    if (age >= settled || age < 0) {
      const freshness = filesystem.geometry.exchangeRange ? freshnessOf(target) : undefined
      return { inode: now, ...(freshness && { freshness }) }
    }
    // Whole milliseconds and one more: this clock has no fractions, and a wait of a fraction would be none.
    pause(Math.ceil(settled - age) + 1)
  }
  throw new Leave('skipped', 'busy', 'file busy: it is being written')
}

const changed = ({ ctime }: XfsInode): number => Number(ctime.seconds) * 1000 + ctime.nanoseconds / 1e6

function freshnessOf(target: number): Freshness | undefined {
  try {
    return startCommit(target)
  } catch (error) {
    if (failedWith(error, 'ENOTTY', 'EOPNOTSUPP')) return undefined
    throw error
  }
}

/** @throws Leave with the kernel's reason; both files are then as they were */
export function swapContents(target: number, temporary: number, { inode, freshness }: Before): void {
  const errno = freshness
    ? tryCommitRange({ target, temporary, targetFrom: 0, temporaryFrom: 0, length: inode.size }, freshness)
    : trySwapExtents({ target, temporary, before: inode })
  refuseErrno(errno)
}

/** @throws Leave unless errno is 0 */
export function refuseErrno(errno: number): void {
  switch (errno) {
    case 0:
      return
    case errnoNumber.EFAULT:
      throw new Leave('failed', 'modified', 'file modified: it no longer has the size it had before the copy')
    case errnoNumber.EBUSY:
      throw new Leave('failed', 'busy', 'file busy: it was changed while it was copied, or is mapped')
    case errnoNumber.ETXTBSY:
      throw new Leave('skipped', 'executing', 'file busy: it is being executed or used for swap')
    case errnoNumber.EOPNOTSUPP:
      throw new Leave('failed', 'not-accepted', 'the kernel cannot swap files of this type')
    case errnoNumber.EINVAL:
      throw new Leave(
        'failed',
        'not-accepted',
        'the kernel did not accept the new layout: it does not fit beside the attributes in the inode, or has more extents',
      )
    default:
      throw new Leave('failed', 'error', `the kernel could not swap the extents (${errnoName(errno)})`)
  }
}
