/**
 * Pointing an arena at a block group. The kernel looks for block L of a file near
 * P + (L - A) when block A of it lies at P, so one block anywhere, the anchor, makes
 * every group a matter of choosing L. Only so far: L is below 2^31 (arena.ts). A
 * group further off, 4 TiB with 4 KiB blocks, is reached in leaps: a block at the
 * edge of what the anchor reaches becomes, exchanged, the anchor of a second arena.
 */
import { errnoNumber, kernelError } from '../../kernel/errno.js'
import { tryFallocate } from '../../kernel/fallocate.js'
import { tryMoveExtent } from '../../kernel/move-extent.js'
import { intersectRuns, type BlockRun } from '../../layout/run.js'
import { heldBy, type Arena, type Held } from './donor-file.js'
import type { Holdings } from './reservation.js'

/** In the middle, so that the goal can be on both sides; a multiple of any page's blocks. */
export const anchorBlock = 2 ** 30
/** How far the goal may be from the anchor; leaves room for the requests behind it. */
const reach = 2 ** 30 - 2 ** 21

export interface Pointed {
  readonly arena: Arena
  /** The arena's block whose goal lies in the group. */
  readonly logical: number
  /** Blocks that were taken for it; they are in the holdings. */
  readonly taken: readonly Held[]
}

/**
 * @param longest how far one anchor reaches, in blocks
 * @returns undefined when the group cannot be reached
 * @throws KernelError: ENOSPC, EMFILE
 */
export function pointAt(group: BlockRun, holdings: Holdings, longest = reach): Pointed | undefined {
  const taken: Held[] = []
  let { arena, anchor } = anchored(holdings)
  taken.push(anchor)
  const goal = group.start + Math.floor(group.length / 2)
  while (Math.abs(goal - anchor.start) > longest) {
    const edge = anchorBlock + Math.sign(goal - anchor.start) * Math.floor(longest / 64) * 64
    const far = allocateOne(arena, edge, holdings)
    taken.push(far)
    if (Math.abs(goal - far.start) >= Math.abs(goal - anchor.start)) return undefined
    const next = anchored(holdings)
    taken.push(next.anchor)
    tryMoveExtent({ original: next.arena.fd, donor: arena.fd, originalStart: anchorBlock, donorStart: edge, length: 1 })
    const [now] = heldBy(next.arena, anchorBlock, 1, holdings.blockSize)
    if (now?.start !== far.start) return undefined
    holdings.swap(next.anchor, far)
    arena = next.arena
    anchor = now
  }
  const inGroup = intersectRuns(anchor, group) !== undefined
  return { arena, logical: inGroup ? anchorBlock + 1 : anchorBlock + goal - anchor.start, taken }
}

function anchored(holdings: Holdings): { arena: Arena; anchor: Held } {
  const arena = holdings.openArena()
  return { arena, anchor: allocateOne(arena, anchorBlock, holdings) }
}

function allocateOne(arena: Arena, logical: number, holdings: Holdings): Held {
  const { blockSize } = holdings
  const errno = tryFallocate(arena.fd, 'allocate', logical * blockSize, blockSize)
  const [held] = heldBy(arena, logical, 1, blockSize)
  if (!held) throw kernelError({ call: 'fallocate' }, errno === 0 ? errnoNumber.EIO : errno)
  holdings.add(held)
  return held
}
