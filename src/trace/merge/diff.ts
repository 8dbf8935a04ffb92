/** What two traces of the same system do not have in common: files, bytes, order. */
import { lowerBound } from '../../lower-bound.js'
import { sizeOf, subtract } from '../model/byte-ranges.js'
import { fileProfiles, type FileProfile } from '../model/file-profile.js'
import { readIdentity } from '../model/read-identity.js'
import type { Trace } from '../model/trace.js'

export interface DiffFile {
  readonly path?: string
  readonly ino?: number
  /** For bytes of the device that no file was given. */
  readonly device?: true
  /** Distinct bytes, as far as their number is known. */
  readonly bytes: number
  /** Some are read to the end of the file, wherever that is. */
  readonly toEnd: boolean
}

interface ChangedFile {
  readonly path?: string
  readonly ino?: number
  readonly device?: true
  /** Bytes only one of them reads. */
  readonly first: { readonly bytes: number; readonly toEnd: boolean }
  readonly second: { readonly bytes: number; readonly toEnd: boolean }
}

interface MovedFile {
  readonly path?: string
  readonly ino?: number
  readonly device?: true
  /** Place among the files both read, from 0. */
  readonly from: number
  readonly to: number
}

export interface TraceDiff {
  /** Files only the first reads, in its order. */
  readonly onlyFirst: readonly DiffFile[]
  readonly onlySecond: readonly DiffFile[]
  /** Files both read. */
  readonly common: number
  /**
   * Whether both tell which parts of a file are read. A list of files does not, and then
   * nothing counts as changed.
   */
  readonly partsCompared: boolean
  /** Files both read, but not the same bytes of. */
  readonly changed: readonly ChangedFile[]
  /** The fewest files that must change place to turn one order into the other. */
  readonly moved: readonly MovedFile[]
  /** Share of pairs of common files that come in the same order, 0 to 1; 1 with fewer than two. */
  readonly orderAgreement: number
}

export function diffTraces(first: Trace, second: Trace): TraceDiff {
  const identity = readIdentity([first.reads, second.reads])
  const a = fileProfiles(first.reads, identity)
  const b = fileProfiles(second.reads, identity)
  const common = [...a.values()].filter(({ key }) => b.has(key))
  const partsCompared = tellsParts(first) && tellsParts(second)
  const changed: ChangedFile[] = []
  for (const profile of partsCompared ? common : []) {
    const other = b.get(profile.key)!
    const onlyA = subtract(profile.ranges, other.ranges)
    const onlyB = subtract(other.ranges, profile.ranges)
    if (onlyA.length > 0 || onlyB.length > 0)
      changed.push({ ...named(profile), first: size(onlyA), second: size(onlyB) })
  }
  const inSecond = [...b.values()].filter(({ key }) => a.has(key))
  const placeInSecond = new Map(inSecond.map(({ key }, place) => [key, place]))
  const places = common.map(({ key }) => placeInSecond.get(key)!)
  const staying = longestIncreasing(places)
  const moved = common.flatMap((profile, from) =>
    staying.has(from) ? [] : [{ ...named(profile), from, to: places[from]! }],
  )
  const pairs = (places.length * (places.length - 1)) / 2
  return {
    onlyFirst: alone(a, b),
    onlySecond: alone(b, a),
    common: common.length,
    partsCompared,
    changed,
    moved,
    orderAgreement: pairs === 0 ? 1 : 1 - inversions(places) / pairs,
  }
}

/** A trace of nothing tells as much as any. */
const tellsParts = ({ reads }: Trace): boolean => reads.length === 0 || reads.some(({ len }) => len !== undefined)

const alone = (of: ReadonlyMap<string, FileProfile>, without: ReadonlyMap<string, FileProfile>): DiffFile[] =>
  [...of.values()]
    .filter(({ key }) => !without.has(key))
    .map((profile) => ({ ...named(profile), ...size(profile.ranges) }))

const size = (ranges: FileProfile['ranges']): { bytes: number; toEnd: boolean } => {
  const { bytes, open } = sizeOf(ranges)
  return { bytes, toEnd: open }
}

const named = ({ path, ino, device }: FileProfile): { path?: string; ino?: number; device?: true } => ({
  ...(path === undefined ? {} : { path }),
  ...(ino === undefined ? {} : { ino }),
  ...(device ? { device: true as const } : {}),
})

/** Positions of a longest increasing subsequence (patience sorting, O(n log n)). */
export function longestIncreasing(values: readonly number[]): Set<number> {
  // tops[k]: position of the smallest value that ends an increasing run of k + 1.
  const tops: number[] = []
  const before = new Int32Array(values.length).fill(-1)
  for (let i = 0; i < values.length; i++) {
    const low = lowerBound(tops.length, (place) => values[tops[place]!]! >= values[i]!)
    if (low > 0) before[i] = tops[low - 1]!
    tops[low] = i
  }
  const chosen = new Set<number>()
  for (let i = tops.at(-1) ?? -1; i >= 0; i = before[i]!) chosen.add(i)
  return chosen
}

/** Pairs in the wrong order, counted in a binary indexed tree over places 0 to n - 1. */
export function inversions(places: readonly number[]): number {
  const tree = new Uint32Array(places.length + 1)
  let count = 0
  places.forEach((place, seen) => {
    let smaller = 0
    for (let i = place + 1; i > 0; i -= i & -i) smaller += tree[i]!
    count += seen - smaller
    for (let i = place + 1; i < tree.length; i += i & -i) tree[i]!++
  })
  return count
}
