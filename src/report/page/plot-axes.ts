/** What the axes count and how they say it. */
import { count } from '../../text/units.js'

export type Across = 'order' | 'time'
export type Upward = 'bytes' | 'blocks'

/** A position on the disk; `step` is the distance to the next label. */
export function positionText(value: number, unit: Upward, blockSize: number, step: number): string {
  if (unit === 'blocks') return count(value / blockSize)
  return step >= 1024 ? binaryText(value, step) : `${count(value)} B`
}

/** With so many digits that neighbouring labels differ. */
function binaryText(value: number, step: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  const power = value <= 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10))
  const scale = 1024 ** power
  return value === 0 ? '0' : `${(value / scale).toFixed(digitsFor(step / scale))} ${units[power]!}`
}

/** Decimals that tell neighbours apart: a quarter needs two, a half one. */
function digitsFor(step: number): number {
  let digits = 0
  while (digits < 6 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6) digits++
  return step * 10 ** digits >= 1 ? digits : 6
}

export function acrossText(value: number, across: Across, step: number): string {
  if (across === 'order') return bytesText(value, step)
  return `${(value / 1e6).toFixed(digitsFor(step / 1e6))} s`
}

function bytesText(value: number, step: number): string {
  if (value === 0) return '0'
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.floor(Math.log10(value) / 3))
  const scale = 1000 ** power
  return `${(value / scale).toFixed(digitsFor(step / scale))} ${units[power]!}`
}

export const acrossTitle = { order: 'read so far, in boot order', time: 'time since the recording began' } as const
export const upwardTitle = { bytes: 'position on the disk', blocks: 'position on the disk, blocks' } as const
