/**
 * The exact rank test of Wilcoxon, Mann and Whitney: how often would values that differ in
 * nothing but chance come to a rank sum at most as small as this? It asks nothing of how
 * the times of boots are distributed, and an outlier is no more than a last rank.
 */

/** Values and how many they are in the smaller group decide the count of ways; beyond this the latest are enough. */
export const mostValues = 40

/**
 * @param lower  the values that are held to be smaller
 * @param higher the others
 * @returns the probability of ranks as low as those of `lower`, one-sided; ties share their ranks' mean
 */
export function rankTest(lower: readonly number[], higher: readonly number[]): number {
  const few = lower.slice(-mostValues)
  const all = [...few, ...higher.slice(-mostValues)]
  // Twice the rank, so that a shared one is a whole number, too.
  const ranks = all.map(
    (value) => 2 * all.filter((each) => each < value).length + all.filter((each) => each === value).length + 1,
  )
  const seen = sum(ranks.slice(0, few.length))
  const total = sum(ranks)
  // ways[n][s]: choices of n values whose ranks add up to s.
  const ways = Array.from({ length: few.length + 1 }, () => new Float64Array(total + 1))
  ways[0]![0] = 1
  for (const rank of ranks)
    for (let n = few.length; n > 0; n--) for (let s = total; s >= rank; s--) ways[n]![s]! += ways[n - 1]![s - rank]!
  const choices = ways[few.length]!
  return sum(choices.slice(0, seen + 1)) / sum(choices)
}

const sum = (values: ArrayLike<number>): number =>
  Array.prototype.reduce.call(values, (a, b) => (a as number) + (b as number), 0) as number

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
