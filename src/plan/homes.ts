import type { RunSet } from '../layout/run-set.js'
import type { BlockRun } from '../layout/run.js'
import type { OwnedRun } from '../layout/owner.js'
import { Allocator } from '../mballoc/allocator.js'
import type { Snapshot } from './packing.js'
import type { Window } from './window.js'

export interface Homes {
  readonly homes: ReadonlyMap<OwnedRun, BlockRun>
  /** Extents for which no hole is long enough. */
  readonly homeless: readonly OwnedRun[]
}

/**
 * Finds a new place for every extent that must leave the window: one hole each, so
 * that no file gets more extents than it had, near where it was. Longest first,
 * because the longest have the fewest holes to choose from, and each into the
 * smallest near hole that fits, so that big holes stay whole.
 *
 * Space that is free now is preferred. What the boot set leaves behind serves those
 * that find none: on a nearly full disk that is most of the room, at the price of
 * more rounds.
 *
 * @param boot blocks of the boot set that are to be placed
 */
export function findHomes({ geometry, free, region }: Snapshot, window: Window, boot: RunSet): Homes {
  const freeNow = free.clone()
  const freeLater = free.clone()
  for (const run of boot) freeLater.add(run)
  for (const run of window.runs) {
    freeNow.remove(run)
    freeLater.remove(run)
  }
  const now = Allocator.of(geometry, freeNow)
  const later = Allocator.of(geometry, freeLater)
  const homes = new Map<OwnedRun, BlockRun>()
  const homeless: OwnedRun[] = []
  const longestFirst = [...window.evict].sort((a, b) => b.length - a.length || a.start - b.start)
  for (const owner of longestFirst) {
    const request = {
      goal: owner.start,
      length: owner.length,
      within: region,
      flags: { fixedLength: true, contiguous: true },
      strategy: 'best-fit',
    } as const
    const home = now.allocate(request)?.[0]
    if (home) {
      later.markUsed(home)
      homes.set(owner, home)
      continue
    }
    const laterHome = later.allocate(request)?.[0]
    if (!laterHome) {
      homeless.push(owner)
      continue
    }
    for (const run of freeNow.within(laterHome)) now.markUsed(run)
    homes.set(owner, laterHome)
  }
  return { homes, homeless }
}
