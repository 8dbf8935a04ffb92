/**
 * From what many boots have in common to the profile that is packed: segments in the order
 * of the median of their ranks; where that is the same (two boots that disagree) by
 * folder, then by name, then by offset, so that nothing else decides. Neighbours that
 * continue each other and were read by equally many boots, and by the same program as far
 * as that is told, become one read again.
 *
 * Time: the median over the boots that have one of a read's first segment, never running
 * backwards.
 */
import type { Segmentation } from './segmentation.js'
import type { Reader, TraceRead } from '../model/trace.js'
import { sameReader } from './most-often.js'

/** A segment that enough boots read. */
export interface KeptSegment {
  readonly segment: number
  /** Boots that read it. */
  readonly support: number
  /** Median of its places among the kept segments of each boot that read it, from 0. */
  readonly rank: number
  /** Who read it in most boots. */
  readonly reader?: Reader | undefined
}

/** Neighbouring segments of one thing that are one read of the profile. */
export interface ProfileRun {
  /** The first segment; its times are the run's. */
  readonly head: number
  readonly from: number
  readonly to: number
  readonly support: number
  readonly reader?: Reader | undefined
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Kept segments in the order of the profile, joined to runs. */
export function profileRuns(segmentation: Segmentation, kept: readonly KeptSegment[]): ProfileRun[] {
  const placed = kept.map(({ segment, support, rank, reader }) => {
    const thing = segmentation.thingOf(segment)
    return { segment, support, thing, ...segmentation.bytesOf(segment), rank, reader }
  })
  placed.sort(
    (a, b) =>
      a.rank - b.rank ||
      compare(a.thing.folder, b.thing.folder) ||
      compare(a.thing.key, b.thing.key) ||
      a.segment - b.segment,
  )
  const runs: ProfileRun[] = []
  let last: (typeof placed)[number] | undefined
  for (const next of placed) {
    const before = runs.at(-1)
    const { segment: head, from, to, support, reader } = next
    if (before && last && next.thing === last.thing && continues(next, before))
      runs[runs.length - 1] = { ...before, to }
    else runs.push({ head, from, to, support, ...(reader && { reader }) })
    last = next
  }
  return runs
}

const continues = (next: Omit<ProfileRun, 'head'>, { to, support, reader }: ProfileRun): boolean =>
  next.from === to && next.support === support && sameReader(next.reader, reader)

/**
 * @param timeOf microseconds: the median over the boots that tell when they first read this segment;
 *   undefined where none does. Asked for the head of each run only.
 */
export function profileReads(
  segmentation: Segmentation,
  runs: readonly ProfileRun[],
  timeOf: (head: number) => number | undefined,
): TraceRead[] {
  let now = -Infinity
  return runs.map(({ head, from, to, support, reader }) => {
    const time = timeOf(head)
    if (time !== undefined) now = Math.max(now, time)
    const { path, inodes, sample } = segmentation.thingOf(head)
    const { kind, what, dev } = sample
    const [ino] = inodes
    return {
      ...(time === undefined ? {} : { t: now }),
      // A number the boots do not agree on would name another file.
      ...(ino !== undefined && inodes.size === 1 ? { ino } : {}),
      ...(path === undefined ? {} : { path }),
      off: from,
      ...(to === Infinity ? {} : { len: to - from }),
      kind,
      ...(what === undefined ? {} : { what }),
      ...(dev === undefined ? {} : { dev }),
      ...(reader?.by === undefined ? {} : { by: reader.by }),
      ...(reader?.unit === undefined ? {} : { unit: reader.unit }),
      support,
    }
  })
}
