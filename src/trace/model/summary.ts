import { sizeOf } from './byte-ranges.js'
import { fileProfiles } from './file-profile.js'
import { readIdentity } from './read-identity.js'
import type { ReadKind, Trace, TraceHeader } from './trace.js'

interface KindSummary {
  readonly reads: number
  /** As far as lengths are known. */
  readonly bytes: number
  /** Reads to the end of a file. */
  readonly toEnd: number
}

interface TimeSlice {
  /** Microseconds, [from, to). */
  readonly from: number
  readonly to: number
  readonly reads: number
  readonly bytes: number
}

interface TopFile {
  readonly path?: string
  readonly ino?: number
  readonly reads: number
  /** Distinct bytes, as far as lengths are known. */
  readonly bytes: number
  readonly toEnd: boolean
  /** Microseconds; absent where the trace has no times. */
  readonly first?: number
}

export interface TraceSummary {
  readonly header: TraceHeader
  readonly reads: number
  /** Distinct files, by path or inode; bytes of the device are no file. */
  readonly files: number
  /** Distinct bytes with known length. */
  readonly bytes: number
  /** Files read to their end, wherever that is: list-like traces say no more. */
  readonly filesToEnd: number
  readonly kinds: Readonly<Partial<Record<ReadKind, KindSummary>>>
  /** Metadata by what it hit, where the trace was resolved. */
  readonly metadata: Readonly<Record<string, KindSummary>>
  readonly firstTime?: number
  readonly lastTime?: number
  /** Equal slices from the first to the last read; empty without times. */
  readonly timeline: readonly TimeSlice[]
  /** Files with most bytes first; those of unknown length in read order after them. */
  readonly topFiles: readonly TopFile[]
  readonly lost: number
  readonly ignored: Readonly<Record<string, number>>
  readonly bad: Trace['bad']
}

export interface SummaryOptions {
  /** Default 40. */
  readonly slices?: number
  /** Default 10. */
  readonly top?: number
}

type Sums = { -readonly [K in keyof KindSummary]: KindSummary[K] }

/** What `trace show` shows, as numbers. */
export function summarizeTrace(trace: Trace, { slices = 40, top = 10 }: SummaryOptions = {}): TraceSummary {
  const { header, reads, bad } = trace
  const kinds: Partial<Record<ReadKind, Sums>> = {}
  const metadata: Record<string, Sums> = {}
  let firstTime = Infinity
  let lastTime = -Infinity
  for (const { t, len, kind, what } of reads) {
    add((kinds[kind] ??= { reads: 0, bytes: 0, toEnd: 0 }), len)
    if (kind === 'metadata') add((metadata[what ?? 'unresolved'] ??= { reads: 0, bytes: 0, toEnd: 0 }), len)
    if (t !== undefined) {
      firstTime = Math.min(firstTime, t)
      lastTime = Math.max(lastTime, t)
    }
  }
  const profiles = [...fileProfiles(reads, readIdentity([reads])).values()]
  const sized = profiles.map((profile) => ({ profile, ...sizeOf(profile.ranges) }))
  const files = sized.filter(({ profile }) => !profile.device)
  const names = new Set(files.map(({ profile: { path, ino } }) => path ?? ino))
  const timed = firstTime <= lastTime
  return {
    header,
    reads: reads.length,
    files: names.size,
    bytes: sized.reduce((sum, { bytes }) => sum + bytes, 0),
    filesToEnd: files.filter(({ open }) => open).length,
    kinds,
    metadata,
    ...(timed ? { firstTime, lastTime } : {}),
    timeline: timed ? timeline(trace, firstTime, lastTime, slices) : [],
    topFiles: files
      .sort((a, b) => b.bytes - a.bytes || a.profile.rank - b.profile.rank)
      .slice(0, top)
      .map(({ profile: { path, ino, reads: count, first }, bytes, open }) => ({
        ...(path === undefined ? {} : { path }),
        ...(ino === undefined ? {} : { ino }),
        reads: count,
        bytes,
        toEnd: open,
        ...(first === undefined ? {} : { first }),
      })),
    lost: header.lost ?? 0,
    ignored: header.ignored ?? {},
    bad,
  }
}

function add(sums: Sums, len: number | undefined): void {
  sums.reads++
  if (len === undefined) sums.toEnd++
  else sums.bytes += len
}

function timeline({ reads }: Trace, first: number, last: number, slices: number): TimeSlice[] {
  const width = Math.max(1, Math.ceil((last - first + 1) / slices))
  const count = Math.min(slices, Math.ceil((last - first + 1) / width))
  const sums = Array.from({ length: count }, (_, i) => ({
    from: first + i * width,
    to: first + (i + 1) * width,
    reads: 0,
    bytes: 0,
  }))
  for (const { t, len } of reads) {
    if (t === undefined) continue
    const slice = sums[Math.min(count - 1, Math.floor((t - first) / width))]!
    slice.reads++
    slice.bytes += len ?? 0
  }
  return sums
}
