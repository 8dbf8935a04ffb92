/** What the requests of a boot add up to. Pure. */
import type { LoggedRequest } from '../disk/request-log.js'

export interface BootFigures {
  readonly reads: number
  readonly readBytes: number
  /** Reads that do not start where the request before them ended. */
  readonly notSequential: number
  /** Sum over the reads of the bytes between them and the end of the request before. */
  readonly seekDistanceBytes: number
  /** Milliseconds the disk took to reach the reads, unscaled; on a hard disk seek and rotation. */
  readonly positioningMs: number
  readonly writes: number
  readonly writtenBytes: number
}

/** @param until milliseconds of the monotonic clock; what arrived later does not count */
export function bootFigures(requests: readonly LoggedRequest[], until = Infinity): BootFigures {
  let reads = 0
  let readBytes = 0
  let notSequential = 0
  let seekDistanceBytes = 0
  let positioningMs = 0
  let writes = 0
  let writtenBytes = 0
  for (const { at, write, length, distance, latency } of requests) {
    if (at > until) continue
    if (write) {
      writes++
      writtenBytes += length
      continue
    }
    reads++
    readBytes += length
    if (distance !== 0) notSequential++
    seekDistanceBytes += Math.abs(distance)
    positioningMs += latency
  }
  return { reads, readBytes, notSequential, seekDistanceBytes, positioningMs, writes, writtenBytes }
}

/** The middle one, or half way between the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** The median of each figure by itself. */
export function medianFigures(all: readonly BootFigures[]): BootFigures {
  const of = (name: keyof BootFigures): number => median(all.map((figures) => figures[name]))
  return {
    reads: of('reads'),
    readBytes: of('readBytes'),
    notSequential: of('notSequential'),
    seekDistanceBytes: of('seekDistanceBytes'),
    positioningMs: of('positioningMs'),
    writes: of('writes'),
    writtenBytes: of('writtenBytes'),
  }
}
