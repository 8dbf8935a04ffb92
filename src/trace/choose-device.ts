import type { DeviceBytes } from './read-collector.js'
import type { TraceFacts } from './trace-parser.js'
import type { TraceHeader, TraceRead } from './trace.js'

/**
 * The device a recording of several is about: the one with most file data, or where
 * none has any (block-level recordings) with most other bytes. Devices of major 0
 * are in memory or assembled by a filesystem, and are taken only if nothing else is
 * there.
 * @returns undefined when reads carry no device
 */
export function chooseDevice(devices: ReadonlyMap<string, Readonly<DeviceBytes>>): string | undefined {
  const rank = ([dev, { data, other }]: [string, Readonly<DeviceBytes>]): readonly number[] =>
    [data > 0 && !dev.startsWith('0:') ? 2 : data > 0 ? 1 : 0, data, other]
  let best: [string, Readonly<DeviceBytes>] | undefined
  for (const entry of devices) {
    if (!best) {
      best = entry
      continue
    }
    const [a, b] = [rank(entry), rank(best)]
    const differs = a.findIndex((value, i) => value !== b[i])
    if (differs >= 0 && a[differs]! > b[differs]!) best = entry
  }
  return best?.[0]
}

export interface Settled {
  readonly header: TraceHeader
  /** Reads of the chosen device, without naming it in each; undefined for others. */
  readonly keep: (read: TraceRead) => TraceRead | undefined
  /** Call once every read went through `keep`: the header with what was left out. */
  readonly complete: () => TraceHeader
}

/**
 * Limits a recording to one device, now that all of it was seen.
 * @param device as in FormatOptions
 */
export function settleDevice(facts: TraceFacts, device: string | undefined): Settled {
  const { header } = facts
  const chosen = facts.format === 'native' || device === 'all' ? undefined : device ?? chooseDevice(facts.devices)
  if (chosen === undefined || facts.devices.size === 0) return { header, keep: (read) => read, complete: () => header }
  let others = 0
  const keep = (read: TraceRead): TraceRead | undefined => {
    if (read.dev === undefined) return read
    if (read.dev !== chosen) {
      others++
      return undefined
    }
    const { dev: _, ...rest } = read
    return rest as TraceRead
  }
  const named: TraceHeader = { ...header, root: header.root ?? chosen }
  const complete = (): TraceHeader => {
    if (others === 0) return named
    const before = header.ignored?.['other-device'] ?? 0
    return { ...named, ignored: { ...header.ignored, 'other-device': before + others } }
  }
  return { header: named, keep, complete }
}
