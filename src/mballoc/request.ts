import { usageError } from '../errors.js'
import type { FsBlock } from '../layout/block.js'
import type { BlockRun } from '../layout/run.js'
import type { RunSet } from '../layout/run-set.js'

/** The modes of Jan Kara's sys_allocate() proposal. All false: "up to length blocks, near the goal". */
export interface AllocationFlags {
  /** ALLOC_FIXED_START: the first block must be the goal; else the goal is a hint. */
  readonly fixedStart?: boolean
  /** ALLOC_FIXED_LEN: exactly `length` blocks or nothing; else up to `length`. */
  readonly fixedLength?: boolean
  /** ALLOC_CONTIGUOUS: one run. */
  readonly contiguous?: boolean
}

/**
 * How holes are chosen.
 * - `criteria`: the goal itself, then the kernel's criteria in the kernel's order.
 * - `best-fit`: the smallest hole that fits, of those about as near as the nearest
 *   that fits; so that big holes stay whole. For finding new homes.
 */
export type Strategy = 'criteria' | 'best-fit'

export interface AllocationRequest {
  /** Where to begin; a block of the filesystem, inside `within` or not. */
  readonly goal: FsBlock
  /** In blocks, at least 1. */
  readonly length: number
  readonly flags?: AllocationFlags
  /** Only blocks of this run are used; the whole filesystem by default. */
  readonly within?: BlockRun
  /** These blocks are not used, free or not. */
  readonly forbid?: RunSet
  readonly strategy?: Strategy
  /** For best-fit: how many blocks farther than the nearest hole that fits a better one may lie; one block group by default. */
  readonly near?: number
}

/** @throws usage unless `value` is an integer from `least` to `most` */
export function needBlocks(what: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw usageError(
      'bad-request',
      `${what} is ${value}: expected ${most === Number.MAX_SAFE_INTEGER ? `an integer of at least ${least}` : `a block from ${least} to ${most}`}`,
    )
  }
}
