/**
 * How often each value came, in ascending order of the values. Histograms of parts (days,
 * servers) add up to the histogram of the whole, which medians do not.
 */
export type Histogram = readonly (readonly [value: number, count: number])[]

/**
 * The middle value, of two middle ones their mean.
 * @param histogram of at least one value
 */
export function medianOf(histogram: Histogram): number {
  let values = 0
  for (const [, count] of histogram) values += count
  const upper = valueAt(histogram, values >> 1)
  return values % 2 === 1 ? upper : (valueAt(histogram, (values >> 1) - 1) + upper) / 2
}

/** The same of values as they come, which are sorted in place; at least one. */
export function medianOfValues(values: Float64Array): number {
  values.sort()
  const middle = values.length >> 1
  return values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2
}

/** The value at a place, from 0, when each stands as often as it came. */
function valueAt(histogram: Histogram, place: number): number {
  let before = 0
  for (const [value, count] of histogram) {
    before += count
    if (place < before) return value
  }
  throw new RangeError(`A histogram of ${before} values has none at ${place}.`)
}
