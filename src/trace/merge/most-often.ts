import type { Reader } from '../model/trace.js'

const keyOf = (reader: Reader | undefined): string => `${reader?.by ?? ''}\0${reader?.unit ?? ''}`

export const sameReader = (a: Reader | undefined, b: Reader | undefined): boolean => keyOf(a) === keyOf(b)

/** Who reads in most boots; of several as often, the first by name, so that the order of the boots decides nothing. */
export function mostOften(readers: readonly Reader[]): Reader | undefined {
  if (readers.length < 2) return readers[0]
  const counts = new Map<string, number>()
  for (const reader of readers) counts.set(keyOf(reader), (counts.get(keyOf(reader)) ?? 0) + 1)
  let best: { readonly key: string; readonly often: number } | undefined
  for (const [key, often] of counts)
    if (!best || often > best.often || (often === best.often && key < best.key)) best = { key, often }
  return readers.find((reader) => keyOf(reader) === best?.key)
}
