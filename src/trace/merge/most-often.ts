import type { Reader } from '../model/trace.js'

const keyOf = (reader: Reader | undefined): string => `${reader?.by ?? ''}\0${reader?.unit ?? ''}`

export const sameReader = (a: Reader | undefined, b: Reader | undefined): boolean => keyOf(a) === keyOf(b)

/**
 * Who reads in most boots; of several as often, the first by name, so that the order of the boots decides nothing.
 * @param counts readers and in how many boots; the same one may come several times, since counts of parts add up
 */
export function mostOften(counts: Iterable<readonly [Reader, number]>): Reader | undefined {
  const sums = new Map<string, { readonly reader: Reader; boots: number }>()
  for (const [reader, boots] of counts) {
    const sum = sums.get(keyOf(reader))
    if (sum) sum.boots += boots
    else sums.set(keyOf(reader), { reader, boots })
  }
  let best: { readonly key: string; readonly reader: Reader; readonly boots: number } | undefined
  for (const [key, { reader, boots }] of sums)
    if (!best || boots > best.boots || (boots === best.boots && key < best.key)) best = { key, reader, boots }
  return best?.reader
}
