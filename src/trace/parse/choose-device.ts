import type { DeviceReads } from './read-collector.js'
import type { TraceFacts } from './parser.js'
import type { TraceHeader, TraceRead } from '../model/trace.js'

/**
 * The device a recording of several is about: the one with most file data, or where
 * none has any (block-level recordings) with most other bytes. Devices of major 0
 * are in memory or assembled by a filesystem, and are taken only if nothing else is
 * there.
 * @returns undefined when reads carry no device
 */
export function chooseDevice(devices: ReadonlyMap<string, Readonly<DeviceReads>>): string | undefined {
  const rank = ([dev, { data, other }]: [string, Readonly<DeviceReads>]): readonly number[] => [
    data > 0 && !dev.startsWith('0:') ? 2 : data > 0 ? 1 : 0,
    data,
    other,
  ]
  let best: [string, Readonly<DeviceReads>] | undefined
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
  /** With the device and what was left out for it. */
  readonly header: TraceHeader
  /** Reads of the chosen device, without naming it in each; undefined for others. */
  readonly keep: (read: TraceRead) => TraceRead | undefined
}

/**
 * Limits a recording to one device, now that all of it was seen.
 * @param device as in FormatOptions
 */
export function settleDevice(facts: TraceFacts, device: string | undefined): Settled {
  const { header, devices } = facts
  const chosen = facts.format === 'native' || device === 'all' ? undefined : (device ?? chooseDevice(devices))
  if (chosen === undefined || devices.size === 0) return { header, keep: (read) => read }
  let others = header.ignored?.['other-device'] ?? 0
  for (const [dev, { reads }] of devices) if (dev !== chosen) others += reads
  return {
    header: {
      ...header,
      root: header.root ?? chosen,
      ...(others > 0 ? { ignored: { ...header.ignored, 'other-device': others } } : {}),
    },
    keep: (read) => {
      if (read.dev === undefined) return read
      if (read.dev !== chosen) return undefined
      const { dev: _, ...rest } = read
      return rest as TraceRead
    },
  }
}
