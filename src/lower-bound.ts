/**
 * The first of `count` places where a condition holds that, once it holds, holds from there
 * on: the one binary search of the project. The places are those of something sorted, which
 * only the condition needs to know.
 *
 * @param holds monotonic: false up to some place, true from there on
 * @param from  the first place to be looked at
 * @returns `count` when it holds nowhere
 */
export function lowerBound(count: number, holds: (place: number) => boolean, from = 0): number {
  let low = from
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}
