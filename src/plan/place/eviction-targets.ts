/**
 * New places for the extents that must leave a window: one hole each, so that no
 * file gets more extents than it had, near where it was. Longest first, because the
 * longest have the fewest holes to choose from, and each into the smallest near hole
 * that fits, so that big holes stay whole.
 *
 * Space that is free now is preferred. What the boot set leaves behind serves those
 * that find none: on a nearly full disk that is most of the room, at the price of
 * more rounds. An extent longer than every hole gets one made for it: the cheapest
 * stretch of its length elsewhere is cleared in turn, of shorter extents that do
 * find a hole.
 */
import { RunSet } from '../../layout/run-set.js'
import type { BlockRun } from '../../layout/run.js'
import type { OwnedRun } from '../../layout/owner.js'
import { Allocator } from '../../mballoc/allocator.js'
import { inPieces } from '../../mballoc/free-space.js'
import type { Snapshot } from '../resolve/snapshot.js'
import { Terrain } from './segment-map.js'
import type { PlaceWeights } from '../objective.js'
import { findWindow, type Window } from './window.js'

export interface Homes {
  /** Everything that moves, those that make room for others included. */
  readonly homes: ReadonlyMap<OwnedRun, BlockRun>
  /** Extents of the window that cannot be moved without breaking them up. */
  readonly homeless: readonly OwnedRun[]
}

/**
 * @param boot blocks of the boot set that are to be placed
 */
export function findHomes(snapshot: Snapshot, window: Window, boot: RunSet, weights: PlaceWeights): Homes {
  return new HomeSearch(snapshot, window, boot, weights).run()
}

/** An extent looking for a home, and for whose sake. */
interface Seeker {
  readonly owner: OwnedRun
  readonly sake: OwnedRun
}

class HomeSearch {
  /** Free now, and not promised to anybody. */
  private readonly now: Allocator
  /** The same, and what the boot set leaves behind. */
  private readonly later: Allocator
  private readonly homes = new Map<OwnedRun, BlockRun>()
  private readonly homeless = new Set<OwnedRun>()
  private readonly leaving: Set<OwnedRun>
  /** Owners with blocks of the boot set. */
  private readonly ofBoot: ReadonlySet<OwnedRun>

  private readonly snapshot: Snapshot
  private readonly window: Window
  private readonly weights: PlaceWeights

  constructor(snapshot: Snapshot, window: Window, boot: RunSet, weights: PlaceWeights) {
    this.snapshot = snapshot
    this.window = window
    this.weights = weights
    const { free, geometry } = snapshot
    const freeNow = free.clone()
    const freeLater = free.clone()
    for (const run of boot) freeLater.add(run)
    for (const run of window.runs) {
      freeNow.remove(run)
      freeLater.remove(run)
    }
    const groups = inPieces(geometry)
    this.now = Allocator.of(groups, freeNow)
    this.later = Allocator.of(groups, freeLater)
    this.leaving = new Set(window.evict)
    this.ofBoot = new Set(snapshot.owned.filter((owner) => boot.intersects(owner)))
  }

  run(): Homes {
    const seekers: Seeker[] = this.window.evict.map((owner) => ({ owner, sake: owner })).sort(longestFirst)
    for (let seeker = seekers.shift(); seeker; seeker = seekers.shift()) {
      const { owner, sake } = seeker
      const hole = this.takeHole(owner)
      if (hole) {
        this.homes.set(owner, hole)
        continue
      }
      const cleared = owner === sake ? this.clear(owner) : undefined
      if (!cleared) {
        this.homeless.add(sake)
        continue
      }
      this.homes.set(owner, cleared.home)
      seekers.push(...cleared.displaced.map((displaced) => ({ owner: displaced, sake: owner })))
      seekers.sort(longestFirst)
    }
    return { homes: this.homes, homeless: [...this.homeless] }
  }

  private takeHole(owner: OwnedRun): BlockRun | undefined {
    const request = {
      goal: owner.start,
      length: owner.length,
      within: this.snapshot.region,
      flags: { fixedLength: true, contiguous: true },
      strategy: 'best-fit',
    } as const
    const home = this.now.allocate(request)?.[0]
    if (home) {
      this.later.markUsed(home)
      return home
    }
    const laterHome = this.later.allocate(request)?.[0]
    if (laterHome) this.takeFrom(this.now, laterHome)
    return laterHome
  }

  /** A stretch that holds the extent, and who has to leave it. */
  private clear(owner: OwnedRun): { home: BlockRun; displaced: readonly OwnedRun[] } | undefined {
    const { region, owned, movable, geometry } = this.snapshot
    const free = RunSet.of(this.later.freeRuns(region))
    const terrain = new Terrain({
      region,
      free,
      owned,
      boot: new RunSet(),
      movable,
      evict: true,
      stubborn: new Set(),
      shortest: 1,
      longest: free.longest()?.length ?? 0,
      unseen: (other) => this.leaving.has(other) || this.ofBoot.has(other),
    })
    const stretch = findWindow(terrain, {
      length: owner.length,
      goal: owner.start,
      blockCount: geometry.blockCount,
      exact: false,
      unbroken: true,
      weights: this.weights,
    })
    const home = stretch?.runs[0]
    if (!stretch || !home) return undefined
    this.takeFrom(this.now, home)
    this.takeFrom(this.later, home)
    for (const displaced of stretch.evict) this.leaving.add(displaced)
    return { home, displaced: stretch.evict }
  }

  /** Marks whatever of a run is free as used. */
  private takeFrom(allocator: Allocator, run: BlockRun): void {
    for (const part of allocator.freeRuns(run)) allocator.markUsed(part)
  }
}

const longestFirst = (a: Seeker, b: Seeker): number => b.owner.length - a.owner.length || a.owner.start - b.owner.start
