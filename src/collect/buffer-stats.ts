/** What a ring buffer of the kernel says of itself: per_cpu/cpuN/stats. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readTracing } from './tracing-folder.js'

export interface BufferStats {
  /** Events in the buffer now. */
  readonly entries: number
  /** Bytes of them. */
  readonly bytes: number
  /** Overwritten before they were read, or dropped because there was no room. */
  readonly lost: number
  /** Read from the pipe so far. */
  readonly read: number
}

export function parseStats(text: string): BufferStats {
  const figure = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  return {
    entries: figure('entries'),
    bytes: figure('bytes'),
    lost: figure('overrun') + figure('commit overrun') + figure('dropped events'),
    read: figure('read events'),
  }
}

/** The sum over all processors. */
export function bufferStats(folder: string): BufferStats {
  const sum = { entries: 0, bytes: 0, lost: 0, read: 0 }
  for (const cpu of readdirSync(join(folder, 'per_cpu'))) {
    const stats = parseStats(readTracing(folder, join('per_cpu', cpu, 'stats')))
    sum.entries += stats.entries
    sum.bytes += stats.bytes
    sum.lost += stats.lost
    sum.read += stats.read
  }
  return sum
}
