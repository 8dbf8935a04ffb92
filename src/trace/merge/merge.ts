/**
 * Several boots to one profile: the bytes most of them read, in the order they
 * usually come.
 *
 * A segment (segmentation.ts) is kept when enough boots read it (`minSupport`). Its rank
 * in a boot is its place among that boot's kept segments, so what only one boot read, or
 * how long it was recorded, moves nothing. How ranks become an order: profile.ts. All
 * boots are in memory here; a fleet of them is merged by a database that counts the same
 * (plugins/fleet).
 */
import { usageError } from '../../errors.js'
import { traceHeader, type Reader, type Trace, type TraceHeader, type TraceRead } from '../model/trace.js'
import { medianOfValues } from './histogram.js'
import { mostOften } from './most-often.js'
import { profileReads, profileRuns } from './profile.js'
import { Segmentation } from './segmentation.js'

export interface MergeOptions {
  /** Boots a read must be in, from 1 to the number of traces; default: more than half. */
  readonly minSupport?: number
}

/**
 * @throws usage when there is nothing to merge or minSupport is out of range
 */
export function mergeTraces(traces: readonly Trace[], options: MergeOptions = {}): Trace {
  const minSupport = supportFor(traces.length, options.minSupport)
  const segmentation = new Segmentation(traces.map(({ reads }) => reads))
  const orders = traces.map(({ reads }) => firstTouches(reads, segmentation))
  const support = new Int32Array(segmentation.count)
  for (const order of orders) for (const { segment } of order) support[segment]!++
  const ranks = new Map<number, number[]>()
  const times = new Map<number, number[]>()
  const readers = new Map<number, Reader[]>()
  for (const order of orders) {
    let rank = 0
    for (const { segment, t, reader } of order) {
      if (support[segment]! < minSupport) continue
      addTo(ranks, segment, rank++)
      if (t !== undefined) addTo(times, segment, t)
      if (reader) addTo(readers, segment, reader)
    }
  }
  const kept = [...ranks].map(([segment, values]) => ({
    segment,
    support: support[segment]!,
    rank: medianOfValues(Float64Array.from(values)),
    reader: mostOften((readers.get(segment) ?? []).map((reader) => [reader, 1] as const)),
  }))
  const timeOf = (head: number): number | undefined => {
    const values = times.get(head)
    return values && medianOfValues(Float64Array.from(values))
  }
  return {
    header: mergedHeader(
      traces.map(({ header }) => header),
      minSupport,
    ),
    reads: profileReads(segmentation, profileRuns(segmentation, kept), timeOf),
    bad: { count: traces.reduce((sum, { bad }) => sum + bad.count, 0), examples: [] },
  }
}

/**
 * How many boots a read must be in.
 * @param wanted default: more than half of them
 * @throws usage when there are no boots, or `wanted` is not from 1 to `boots`
 */
export function supportFor(boots: number, wanted?: number): number {
  if (boots === 0)
    throw usageError('nothing-to-merge', 'There is no trace to merge.', 'Give two or more traces of the same system.')
  const minSupport = wanted ?? Math.floor(boots / 2) + 1
  if (!Number.isInteger(minSupport) || minSupport < 1 || minSupport > boots) {
    throw usageError(
      'bad-support',
      `A support of ${minSupport} is not between 1 and ${boots}, the number of traces.`,
      'Leave it out for more than half of them.',
    )
  }
  return minSupport
}

const addTo = <Value>(lists: Map<number, Value[]>, key: number, value: Value): void => {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}

/** The segments a boot read, in the order of their first read, each once. */
export function firstTouches(
  reads: Iterable<TraceRead>,
  segmentation: Segmentation,
): { readonly segment: number; readonly t: number | undefined; readonly reader: Reader | undefined }[] {
  const touched: { segment: number; t: number | undefined; reader: Reader | undefined }[] = []
  // Where the next segment not yet read is: chains that are shortened as they are
  // walked, so that reading a file over and over costs nothing.
  const next = Int32Array.from({ length: segmentation.count + 1 }, (_, i) => i)
  for (const read of reads) {
    const range = segmentation.segmentsOf(read)
    if (!range) continue
    const reader = read.by === undefined && read.unit === undefined ? undefined : read
    for (let i = find(next, range.first); i < range.end; i = find(next, i)) {
      touched.push({ segment: i, t: read.t, reader })
      next[i] = i + 1
    }
  }
  return touched
}

function find(next: Int32Array, from: number): number {
  let root = from
  while (next[root] !== root) root = next[root]!
  for (let i = from; next[i] !== i;) {
    const after = next[i]!
    next[i] = root
    i = after
  }
  return root
}

/** What the headers agree on, and what was lost in all. */
export function mergedHeader(headers: readonly TraceHeader[], minSupport: number): TraceHeader {
  const agreed = (field: 'kernel' | 'root'): Partial<TraceHeader> => {
    const values = new Set(headers.map((header) => header[field]))
    const [value] = values
    return values.size === 1 && value !== undefined ? { [field]: value } : {}
  }
  const lost = headers.reduce((sum, header) => sum + (header.lost ?? 0), 0)
  return traceHeader('merge', {
    ...agreed('kernel'),
    ...agreed('root'),
    ...(lost > 0 ? { lost } : {}),
    boots: headers.length,
    minSupport,
    sources: [...new Set(headers.map(({ source }) => source))],
  })
}
