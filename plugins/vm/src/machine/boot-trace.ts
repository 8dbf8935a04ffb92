/** The requests of a boot as a trace: reads of the device, of which only a volume knows whose they are. */
import { traceHeader } from 'bootpack'
import type { TraceHeader, TraceRead } from 'bootpack/types'
import type { LoggedRequest } from '../disk/request-log.js'

export interface Recording {
  readonly requests: readonly LoggedRequest[]
  /** Requests that were not kept for want of room. */
  readonly lost: number
  /** When the machine was switched on, milliseconds of the monotonic clock. */
  readonly started: number
  /** Where the filesystem lies on the disk, bytes. */
  readonly start: number
  readonly length: number
}

/**
 * Offsets count from the start of the filesystem. Reads outside of it (a partition
 * table, another partition) are left out and counted, as are writes.
 */
export function bootTrace(
  recording: Recording,
  more: Partial<TraceHeader>,
): { header: TraceHeader; reads: TraceRead[] } {
  const { requests, lost, started, start, length } = recording
  const reads: TraceRead[] = []
  const ignored: Record<string, number> = {}
  // In the order in which the guest asked; the order in which a head served them is this layout's.
  for (const request of [...requests].sort((a, b) => a.at - b.at)) {
    const from = Math.max(request.offset, start)
    const to = Math.min(request.offset + request.length, start + length)
    const why = request.write ? 'write' : to <= from ? 'outside-partition' : undefined
    if (why !== undefined) ignored[why] = (ignored[why] ?? 0) + 1
    else
      reads.push({
        t: Math.max(0, Math.round((request.at - started) * 1e3)),
        off: from - start,
        len: to - from,
        kind: 'metadata',
      })
  }
  return { header: traceHeader('vm', { ...more, lost, ignored }), reads }
}
