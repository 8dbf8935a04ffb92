/**
 * Several boots to one profile: the bytes most of them read, in the order they
 * usually come.
 *
 * Boots cut the same file into different reads, so reads are compared in segments:
 * between any two neighbouring offsets at which some read of some boot begins or
 * ends, each boot read all of a segment or nothing. A segment is kept when enough
 * boots read it (`minSupport`). Its rank in a boot is its place among that boot's
 * kept segments, so what only one boot read, or how long it was recorded, moves
 * nothing. Kept segments are sorted by the median of their ranks, and where that is
 * the same (two boots that disagree) by folder, then by name, so that the order of the
 * traces decides nothing; neighbours that continue each other become one read again.
 *
 * Time: the median of the boots that have one, never running backwards.
 */
import { usageError } from '../../errors.js'
import { rangeOf, readIdentity } from '../model/read-identity.js'
import { traceHeader, type Trace, type TraceHeader, type TraceRead } from '../model/trace.js'

export interface MergeOptions {
  /** Boots a read must be in, from 1 to the number of traces; default: more than half. */
  readonly minSupport?: number
}

interface Segment {
  readonly thing: Thing
  readonly from: number
  readonly to: number
  /** Ranks and times in the boots that read it, in the order of the boots. */
  readonly ranks: number[]
  readonly times: number[]
  support: number
}

/** A file, a tree or a device, over all boots. */
interface Thing {
  readonly key: string
  readonly sample: TraceRead
  /** The part of the key that tells the folder. */
  readonly folder: string
  path: string | undefined
  readonly inodes: Set<number>
  readonly edges: Set<number>
  segments: Segment[]
  starts: number[]
}

/**
 * @throws usage when there is nothing to merge or minSupport is out of range
 */
export function mergeTraces(traces: readonly Trace[], options: MergeOptions = {}): Trace {
  if (traces.length === 0)
    throw usageError('nothing-to-merge', 'There is no trace to merge.', 'Give two or more traces of the same system.')
  const { minSupport = Math.floor(traces.length / 2) + 1 } = options
  if (!Number.isInteger(minSupport) || minSupport < 1 || minSupport > traces.length) {
    throw usageError(
      'bad-support',
      `A support of ${minSupport} is not between 1 and ${traces.length}, the number of traces.`,
      'Leave it out for more than half of them.',
    )
  }
  const things = collectThings(traces)
  // Which segments each boot read, in its order.
  const orders = traces.map(({ reads }) => firstTouches(reads, things))
  for (const order of orders) for (const { segment } of order) segment.support++
  for (const order of orders) {
    let rank = 0
    for (const { segment, t } of order) {
      if (segment.support < minSupport) continue
      segment.ranks.push(rank++)
      if (t !== undefined) segment.times.push(t)
    }
  }
  const kept = [...things.things.values()].flatMap(({ segments }) =>
    segments.filter(({ support }) => support >= minSupport),
  )
  const placed = kept.map((segment) => ({ segment, rank: median(segment.ranks) }))
  placed.sort(
    (a, b) =>
      a.rank - b.rank ||
      compare(a.segment.thing.folder, b.segment.thing.folder) ||
      compare(a.segment.thing.key, b.segment.thing.key) ||
      a.segment.from - b.segment.from,
  )
  return {
    header: mergedHeader(traces, minSupport),
    reads: asReads(placed.map(({ segment }) => segment)),
    bad: { count: traces.reduce((sum, { bad }) => sum + bad.count, 0), examples: [] },
  }
}

interface Things {
  readonly things: Map<string, Thing>
  readonly identity: (read: TraceRead) => string
}

function collectThings(traces: readonly Trace[]): Things {
  const identity = readIdentity(traces.map(({ reads }) => reads))
  const things = new Map<string, Thing>()
  for (const { reads } of traces) {
    for (const read of reads) {
      const { from, to } = rangeOf(read)
      if (to <= from) continue
      const key = identity(read)
      let thing = things.get(key)
      if (!thing)
        things.set(
          key,
          (thing = {
            key,
            folder: key.slice(0, key.lastIndexOf('/') + 1),
            sample: read,
            path: undefined,
            inodes: new Set(),
            edges: new Set(),
            segments: [],
            starts: [],
          }),
        )
      thing.path ??= read.path
      if (read.ino !== undefined) thing.inodes.add(read.ino)
      thing.edges.add(from).add(to)
    }
  }
  for (const thing of things.values()) {
    const edges = [...thing.edges].sort((a, b) => a - b)
    thing.edges.clear()
    thing.starts = edges.slice(0, -1)
    thing.segments = thing.starts.map((from, i) => ({
      thing,
      from,
      to: edges[i + 1]!,
      ranks: [],
      times: [],
      support: 0,
    }))
  }
  return { things, identity }
}

/** The segments a boot read, in the order of their first read, each once. */
function firstTouches(
  reads: readonly TraceRead[],
  { things, identity }: Things,
): { segment: Segment; t: number | undefined }[] {
  const touched: { segment: Segment; t: number | undefined }[] = []
  // Per thing, where the next segment not yet read is: chains that are shortened as
  // they are walked, so that reading a file over and over costs nothing.
  const unread = new Map<Thing, Int32Array>()
  for (const read of reads) {
    const { from, to } = rangeOf(read)
    if (to <= from) continue
    const thing = things.get(identity(read))!
    let next = unread.get(thing)
    if (!next) unread.set(thing, (next = Int32Array.from({ length: thing.segments.length + 1 }, (_, i) => i)))
    const first = indexOf(thing.starts, from)
    for (let i = find(next, first); i < thing.segments.length && thing.starts[i]! < to; i = find(next, i)) {
      touched.push({ segment: thing.segments[i]!, t: read.t })
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

/** Position of a value that is there. */
function indexOf(sorted: readonly number[], value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function asReads(segments: readonly Segment[]): TraceRead[] {
  const reads: TraceRead[] = []
  let now = -Infinity
  for (let i = 0; i < segments.length;) {
    const { thing, from, support, times } = segments[i]!
    let { to } = segments[i]!
    for (i++; i < segments.length; i++) {
      const next = segments[i]!
      if (next.thing !== thing || next.from !== to || next.support !== support) break
      to = next.to
    }
    if (times.length > 0) now = Math.max(now, median(times))
    const { path, inodes } = thing
    const { kind, what, dev } = thing.sample
    const [ino] = inodes
    reads.push({
      ...(times.length > 0 ? { t: now } : {}),
      // A number the boots do not agree on would name another file.
      ...(ino !== undefined && inodes.size === 1 ? { ino } : {}),
      ...(path === undefined ? {} : { path }),
      off: from,
      ...(to === Infinity ? {} : { len: to - from }),
      kind,
      ...(what === undefined ? {} : { what }),
      ...(dev === undefined ? {} : { dev }),
      support,
    })
  }
  return reads
}

function mergedHeader(traces: readonly Trace[], minSupport: number): TraceHeader {
  const agreed = (field: 'kernel' | 'root'): Partial<TraceHeader> => {
    const values = new Set(traces.map(({ header }) => header[field]))
    const [value] = values
    return values.size === 1 && value !== undefined ? { [field]: value } : {}
  }
  const lost = traces.reduce((sum, { header }) => sum + (header.lost ?? 0), 0)
  return traceHeader('merge', {
    ...agreed('kernel'),
    ...agreed('root'),
    ...(lost > 0 ? { lost } : {}),
    boots: traces.length,
    minSupport,
    sources: [...new Set(traces.map(({ header }) => header.source))],
  })
}
