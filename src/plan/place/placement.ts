import { fileBlock, fsBlock } from '../../layout/block.js'
import type { BlockRun } from '../../layout/run.js'
import type { OwnedRun } from '../../layout/owner.js'
import { isOwnedKind } from '../../layout/owner.js'
import type { BootItem } from '../resolve/boot-items.js'
import type { PlannedMove } from '../plan.js'

/**
 * Lays the items end to end into the runs, in order; an item that meets the end of
 * a run continues in the next. Pieces that already lie where they belong give no move.
 * @param runs as many blocks as the items have, or more
 */
export function placeItems(items: readonly BootItem[], runs: readonly BlockRun[]): PlannedMove[] {
  const moves: PlannedMove[] = []
  let run = 0
  let used = 0
  for (const item of items) {
    for (let done = 0; done < item.length;) {
      while (used === runs[run]!.length) {
        run++
        used = 0
      }
      const length = Math.min(item.length - done, runs[run]!.length - used)
      const to = fsBlock(runs[run]!.start + used)
      const from = fsBlock(item.from + done)
      if (from !== to) {
        moves.push({
          inode: item.inode,
          kind: item.kind,
          logical: fileBlock(item.logical + done),
          length,
          from,
          to,
          why: 'boot',
        })
      }
      done += length
      used += length
    }
  }
  return moves
}

/** The move that takes a run of others to its new home, whole. */
export function evictionMove(owner: OwnedRun, home: BlockRun): PlannedMove {
  if (!isOwnedKind(owner.kind)) throw new TypeError(`a run of kind ${owner.kind} has no owner to move`)
  return {
    inode: owner.inode,
    kind: owner.kind,
    logical: owner.logical,
    length: owner.length,
    from: owner.start,
    to: home.start,
    why: 'evict',
  }
}
