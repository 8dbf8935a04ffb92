/**
 * One piece of an allocation by the kernel's criteria: each names the groups that
 * are worth looking into and what is acceptable there, from cheap and good to slow
 * and anything. Groups are visited from the goal's forward to the last, then
 * backward to the first; inside a group the best hole counts, wherever it lies. The
 * three criteria between goal and goal-slow trade nearness for better groups, so
 * they look only a few groups either way: a free run in a better group is not worth
 * a seek across the disk, nor the loading of every group on the way.
 *
 * | criterion    | groups                                     | takes in the group                  |
 * |--------------|--------------------------------------------|-------------------------------------|
 * | goal         | -                                          | the goal itself, all of the length  |
 * | power2       | length is 2^k, a free chunk of order >= k  | the smallest such chunk, its start  |
 * | goal-fast    | free runs average >= length                | the smallest hole >= length         |
 * | best-avail   | free runs average >= 2^j, j falling by <=3 | the same, else the longest >= 2^j   |
 * | goal-slow    | all that may touch a hole >= length        | the smallest hole >= length         |
 * | any          | all with a free block                      | the longest hole                    |
 *
 * Source: ext4's mballoc (fs/ext4/mballoc.c, enum criteria in ext4.h), reduced to
 * its decisions; docs/mballoc.md lists where this differs.
 */
import { blockRun, type BlockRun } from '../layout/run.js'
import { floorLog2 } from './buddy.js'
import type { FreeSpace } from './free-space.js'
import { fitsBetter, groupsOf, mayUse, placeIn, searchGroups, visitHoles, type Hole, type Search } from './hole.js'

export const criteria = ['goal', 'power2', 'goal-fast', 'best-avail', 'goal-slow', 'any'] as const

type Criterion = (typeof criteria)[number]

export interface Piece {
  readonly run: BlockRun
  /** What found it; 'fixed-start' and 'best-fit' are not criteria of the kernel. */
  readonly by: Criterion | 'fixed-start' | 'best-fit' | 'longest'
}

/** How many orders best-avail may trim a request by; the kernel's mb_best_avail_max_trim_order. */
const mostTrim = 3

/**
 * @param length blocks wanted
 * @param whole  nothing shorter will do: the criteria that trim are left out
 */
export function byCriteria(space: FreeSpace, search: Search, length: number, whole: boolean): Piece | undefined {
  const atGoal = blockRun(search.goal, length)
  if (mayUse(search, atGoal) && space.isFree(atGoal)) return { run: atGoal, by: 'goal' }
  const everywhere = groupsOf(space, search)
  const near = groupsOf(space, search, space.fastGroups)
  const power = floorLog2(length)
  if (power > 0 && power <= space.figures.byLargestOrder.top && length === 2 ** power) {
    const run = searchGroups(near, space.figures.byLargestOrder, power, (group) =>
      alignedChunk(space, search, group, power),
    )
    if (run) return { run, by: 'power2' }
  }

  const best = (group: number, least: number): BlockRun | undefined => {
    let hole: Hole | undefined
    visitHoles(space, search, group, least, (next) => {
      if (fitsBetter(next, hole, length, search.goal)) hole = next
    })
    return hole && placeIn(hole, length, search.goal)
  }
  const byAverage = (least: number): BlockRun | undefined =>
    searchGroups(near, space.figures.byAverage, floorLog2(least), (group) =>
      space.averages(group, least) ? best(group, least) : undefined,
    )
  const byScan = (least: number): BlockRun | undefined =>
    searchGroups(everywhere, space.figures.byLargestOrder, 0, (group) =>
      space.mayHold(group, least) ? best(group, least) : undefined,
    )

  const fast = byAverage(length)
  if (fast) return { run: fast, by: 'goal-fast' }
  if (!whole) {
    for (let order = power; order >= Math.max(0, power - mostTrim); order--) {
      const trimmed = 2 ** order < length ? byAverage(2 ** order) : undefined
      if (trimmed) return { run: trimmed, by: 'best-avail' }
    }
  }
  const slow = byScan(length)
  if (slow) return { run: slow, by: 'goal-slow' }
  const any = whole ? undefined : byScan(1)
  return any && { run: any, by: 'any' }
}

function alignedChunk(space: FreeSpace, search: Search, group: number, order: number): BlockRun | undefined {
  if (!space.hasOrder(group, order)) return undefined
  const base = space.startOf(group)
  const at = space.group(group).buddy.findChunk(order, (start) => mayUse(search, blockRun(base + start, 2 ** order)))
  return at < 0 ? undefined : blockRun(base + at, 2 ** order)
}
