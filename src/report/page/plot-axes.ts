/** What the axes count and how they say it. */
import { count } from './units.js'

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
  const digits = Math.min(6, Math.max(0, Math.ceil(-Math.log10(step / scale))))
  return value === 0 ? '0' : `${(value / scale).toFixed(digits)} ${units[power]!}`
}

export function acrossText(value: number, across: Across, step: number): string {
  if (across === 'order') return bytesText(value, step)
  return `${(value / 1e6).toFixed(Math.min(6, Math.max(0, Math.ceil(-Math.log10(step / 1e6)))))} s`
}

function bytesText(value: number, step: number): string {
  if (value === 0) return '0'
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.floor(Math.log10(value) / 3))
  const scale = 1000 ** power
  return `${(value / scale).toFixed(Math.min(6, Math.max(0, Math.ceil(-Math.log10(step / scale)))))} ${units[power]!}`
}

export const acrossTitle = { order: 'read so far, in boot order', time: 'time since the recording began' } as const
export const upwardTitle = { bytes: 'position on the disk', blocks: 'position on the disk, blocks' } as const
