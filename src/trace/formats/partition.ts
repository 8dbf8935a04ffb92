import type { FormatOptions } from './format.js'

/** Bytes of a disk as bytes of the filesystem on it; undefined when they lie outside. */
export function placeOnPartition(
  off: number,
  len: number,
  options: FormatOptions,
): { off: number; len: number } | undefined {
  const { partition } = options
  if (!partition) return { off, len }
  const from = Math.max(off, partition.start)
  const to = Math.min(off + len, partition.start + (partition.length ?? Infinity))
  return to > from ? { off: from - partition.start, len: to - from } : undefined
}
