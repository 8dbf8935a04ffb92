/**
 * Parts of a device in the order in which they are read, for whatever reads a volume in
 * advance: fio, a loop of dd, a prefetcher of the volume's own.
 */
import { isDeviceRead } from '../model/read-identity.js'
import type { Trace } from '../model/trace.js'
import type { Exported, RangeFormat } from './formats.js'

/** Bytes of a device. */
export interface DeviceRange {
  readonly offset: number
  readonly length: number
}

/**
 * The ranges a trace tells by itself: of a recording of a block device, whatever filesystem is on it. Each
 * byte comes once, at its first read; neighbours in order and place are one.
 */
export function recordedRanges({ reads }: Trace): { ranges: DeviceRange[]; skipped: Record<string, number> } {
  const ranges: DeviceRange[] = []
  let files = 0
  for (const read of reads) {
    if (!isDeviceRead(read) || read.len === undefined) files++
    else ranges.push({ offset: read.off, length: read.len })
  }
  return { ranges: joined(ranges), skipped: files > 0 ? { 'file-read': files } : {} }
}

/** Neighbours in order and place as one. */
export function joined(ranges: Iterable<DeviceRange>): DeviceRange[] {
  const sequence: DeviceRange[] = []
  for (const range of ranges) {
    const last = sequence.at(-1)
    if (last && last.offset + last.length === range.offset)
      sequence[sequence.length - 1] = { offset: last.offset, length: last.length + range.length }
    else if (range.length > 0) sequence.push(range)
  }
  return sequence
}

/**
 * @param device what an iolog calls the device: fio opens it by this name
 */
export function rangeText(ranges: readonly DeviceRange[], format: RangeFormat, device: string): string {
  switch (format) {
    case 'ranges':
      return ranges.map(({ offset, length }) => `${offset} ${length}\n`).join('')
    case 'ranges-json':
      return `${JSON.stringify({ version: 1, ranges: ranges.map(({ offset, length }) => [offset, length]) })}\n`
    case 'fio-iolog':
      return [
        'fio version 2 iolog',
        `${device} add`,
        `${device} open`,
        ...ranges.map(({ offset, length }) => `${device} read ${offset} ${length}`),
        `${device} close`,
        '',
      ].join('\n')
  }
}

export const rangesExported = (
  ranges: readonly DeviceRange[],
  skipped: Readonly<Record<string, number>>,
): Exported => ({ written: ranges.length, skipped })
