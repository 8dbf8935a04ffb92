/** Bytes [from, to); `to` is Infinity for a range that reaches to the end of its file. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/** The same bytes as few sorted ranges that do not touch. */
export function unionOf(ranges: readonly ByteRange[]): ByteRange[] {
  const sorted = ranges.filter(({ from, to }) => to > from).sort((a, b) => a.from - b.from)
  const union: { from: number; to: number }[] = []
  for (const { from, to } of sorted) {
    const last = union.at(-1)
    if (last && from <= last.to) last.to = Math.max(last.to, to)
    else union.push({ from, to })
  }
  return union
}

/** What of `from` is not in `taken`; both as unionOf gives them. */
export function subtract(from: readonly ByteRange[], taken: readonly ByteRange[]): ByteRange[] {
  const left: ByteRange[] = []
  let first = 0
  for (const range of from) {
    let at = range.from
    while (first < taken.length && taken[first]!.to <= at) first++
    for (let i = first; i < taken.length && taken[i]!.from < range.to; i++) {
      if (taken[i]!.from > at) left.push({ from: at, to: taken[i]!.from })
      at = Math.max(at, taken[i]!.to)
    }
    if (at < range.to) left.push({ from: at, to: range.to })
  }
  return left
}

/** Bytes of the closed ranges, and whether there is one to the end. */
export function sizeOf(ranges: readonly ByteRange[]): { readonly bytes: number; readonly open: boolean } {
  let bytes = 0
  let open = false
  for (const { from, to } of ranges) {
    if (to === Infinity) open = true
    else bytes += to - from
  }
  return { bytes, open }
}
