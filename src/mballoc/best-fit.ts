/**
 * One piece of an allocation by best fit: with d the distance of the nearest hole
 * that holds the length, the smallest hole that does within d + near blocks of the
 * goal, cut at the end nearer to the goal. When no hole holds the length and less
 * will do, the longest hole of all, so that the pieces are as few as can be.
 *
 * Groups are visited by their distance from the goal, both ways at once: first until
 * the next is farther than d, to know d, then until it is farther than d + near.
 * Those whose figures deny the length are passed by.
 */
import type { FreeSpace } from './free-space.js'
import { distanceOf, fitsBetter, groupsOf, placeIn, searchGroups, visitHoles, type Hole, type Search } from './hole.js'
import type { Piece } from './criteria.js'

/** As byCriteria; `near` in blocks. */
export function byBestFit(
  space: FreeSpace,
  search: Search,
  length: number,
  whole: boolean,
  near: number,
): Piece | undefined {
  const fitting = smallestNear(space, search, length, near)
  if (fitting) return { run: placeIn(fitting, length, search.goal), by: 'best-fit' }
  const longest = whole ? undefined : longestHole(space, search)
  return longest && { run: placeIn(longest, length, search.goal), by: 'longest' }
}

function smallestNear(space: FreeSpace, search: Search, length: number, near: number): Hole | undefined {
  let nearest = Infinity
  byDistance(
    space,
    search,
    length,
    () => nearest,
    (hole) => {
      nearest = Math.min(nearest, distanceOf(hole, search.goal))
    },
  )
  let best: Hole | undefined
  byDistance(
    space,
    search,
    length,
    () => nearest + near,
    (hole) => {
      if (best && hole.end - hole.start > best.end - best.start) return
      if (distanceOf(hole, search.goal) <= nearest + near && fitsBetter(hole, best, length, search.goal)) best = hole
    },
  )
  return best
}

/** Visits the holes that hold the length, group by group from the goal, until the next group is farther than `limit`. */
function byDistance(
  space: FreeSpace,
  search: Search,
  length: number,
  limit: () => number,
  visit: (hole: Hole) => void,
): void {
  const { home, first, last } = groupsOf(space, search)
  const ahead = (from: number): number => space.figures.byLargestOrder.next(0, from, last)
  const behind = (from: number): number => space.figures.byLargestOrder.previous(0, from, first)
  let forward = ahead(Math.max(home, first))
  let backward = behind(Math.min(home - 1, last))
  while (forward >= 0 || backward >= 0) {
    const toForward = forward < 0 ? Infinity : Math.max(0, space.startOf(forward) - search.goal)
    const toBackward = backward < 0 ? Infinity : search.goal - (space.startOf(backward) + space.sizeOf(backward) - 1)
    if (Math.min(toForward, toBackward) > limit()) return
    const group = toForward <= toBackward ? forward : backward
    if (toForward <= toBackward) forward = ahead(group + 1)
    else backward = behind(group - 1)
    if (space.mayHold(group, length)) visitHoles(space, search, group, length, visit)
  }
}

/** The nearest of the longest holes, the one after the goal on a tie. */
function longestHole(space: FreeSpace, search: Search): Hole | undefined {
  let best: Hole | undefined
  searchGroups(groupsOf(space, search), space.figures.byLargestOrder, 0, (group) => {
    const least = best ? best.end - best.start : 1
    if (space.mayHold(group, least)) {
      visitHoles(space, search, group, least, (hole) => {
        if (fitsBetter(hole, best, Infinity, search.goal)) best = hole
      })
    }
    return undefined
  })
  return best
}
