/**
 * One piece of an allocation by best fit: with d the distance of the nearest hole
 * that holds the length, the smallest hole that does within d + near blocks of the
 * goal, cut at the end nearer to the goal. When no hole holds the length and less
 * will do, the longest hole of all, so that the pieces are as few as can be.
 *
 * Groups are visited by their distance from the goal, both ways at once, until the
 * next is farther than d + near; their statistics name those that cannot hold it.
 */
import type { FreeSpace } from './free-space.js'
import { distanceOf, fitsBetter, placeIn, searchGroups, visitHoles, type Hole, type Search } from './hole.js'
import type { Piece } from './criteria.js'

/** As byCriteria; `near` in blocks. */
export function byBestFit(space: FreeSpace, search: Search, length: number, whole: boolean, near: number): Piece | undefined {
  const fitting = smallestNear(space, search, length, near)
  if (fitting) return { run: placeIn(fitting, length, search.goal), by: 'best-fit' }
  const longest = whole ? undefined : longestHole(space, search)
  return longest && { run: placeIn(longest, length, search.goal), by: 'longest' }
}

function smallestNear(space: FreeSpace, search: Search, length: number, near: number): Hole | undefined {
  const found: Hole[] = []
  let nearest = Infinity
  const home = space.groupOf(search.goal)
  const first = space.groupOf(search.from)
  const last = space.groupOf(search.to - 1)
  const ahead = (from: number): number => space.figures.byLargestOrder.next(0, from, last)
  const behind = (from: number): number => space.figures.byLargestOrder.previous(0, from, first)
  let forward = ahead(Math.max(home, first))
  let backward = behind(Math.min(home - 1, last))
  while (forward >= 0 || backward >= 0) {
    const toForward = forward < 0 ? Infinity : Math.max(0, space.startOf(forward) - search.goal)
    const toBackward = backward < 0 ? Infinity : search.goal - (space.startOf(backward) + space.sizeOf(backward) - 1)
    if (Math.min(toForward, toBackward) > nearest + near) break
    const group = toForward <= toBackward ? forward : backward
    if (toForward <= toBackward) forward = ahead(group + 1)
    else backward = behind(group - 1)
    if (!space.mayHold(group, length)) continue
    visitHoles(space, search, group, length, (hole) => {
      const distance = distanceOf(hole, search.goal)
      if (distance > nearest + near) return
      if (distance < nearest) nearest = distance
      found.push(hole)
    })
  }
  let best: Hole | undefined
  for (const hole of found) {
    if (distanceOf(hole, search.goal) <= nearest + near && fitsBetter(hole, best, length, search.goal)) best = hole
  }
  return best
}

/** The nearest of the longest holes, the one after the goal on a tie. */
function longestHole(space: FreeSpace, search: Search): Hole | undefined {
  let best: Hole | undefined
  searchGroups(space, search, space.figures.byLargestOrder, 0, (group) => {
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
