/**
 * Simple disks, for comparing layouts: what positioning and transfer would take.
 * A model is a handful of published or measured parameters and one formula; it
 * ranks layouts, it does not forecast a boot. docs/disk-models.md compares one with
 * a real recording.
 */
import type { DeviceRead } from './device-reads.js'

interface Described {
  readonly name: string
  /** One line on where the parameters come from. */
  readonly source: string
}

/** One head: settle + stroke x sqrt(distance / whole disk) + half a rotation for every jump. */
export interface RotatingParameters extends Described {
  readonly kind: 'rotating'
  readonly settleMs: number
  readonly strokeMs: number
  /** A whole rotation. */
  readonly rotationMs: number
  readonly megabytesPerSecond: number
}

/** No head: a fixed price for every request, whatever the distance. */
export interface FlashParameters extends Described {
  readonly kind: 'flash'
  readonly requestMs: number
  readonly megabytesPerSecond: number
}

/** Every chunk touched for the first time is fetched whole from far away. */
export interface LazyParameters extends Described {
  readonly kind: 'lazy'
  readonly chunkBytes: number
  readonly fetchMs: number
}

export type DiskParameters = RotatingParameters | FlashParameters | LazyParameters

export interface DiskModel extends Described {
  readonly parameters: DiskParameters
  /** Milliseconds for a sequence of reads on a disk of `blockCount` blocks of `blockSize` bytes. */
  milliseconds(reads: readonly DeviceRead[], blockSize: number, blockCount: number): number
}

export function modelOf(disk: DiskParameters): DiskModel {
  const { name, source } = disk
  switch (disk.kind) {
    case 'rotating':
      return {
        name,
        source,
        parameters: disk,
        milliseconds: (reads, blockSize, blockCount) => rotatingTime(disk, reads, blockSize, blockCount),
      }
    case 'flash':
      return { name, source, parameters: disk, milliseconds: (reads, blockSize) => flashTime(disk, reads, blockSize) }
    case 'lazy':
      return { name, source, parameters: disk, milliseconds: (reads, blockSize) => lazyTime(disk, reads, blockSize) }
  }
}

function rotatingTime(
  disk: RotatingParameters,
  reads: readonly DeviceRead[],
  blockSize: number,
  blockCount: number,
): number {
  let total = 0
  let head: number | undefined
  for (const { start, length } of reads) {
    if (head !== undefined && start !== head) {
      total +=
        disk.settleMs +
        disk.strokeMs * Math.sqrt(Math.min(1, Math.abs(start - head) / blockCount)) +
        disk.rotationMs / 2
    }
    total += (length * blockSize) / (disk.megabytesPerSecond * 1e3)
    head = start + length
  }
  return total
}

function flashTime(disk: FlashParameters, reads: readonly DeviceRead[], blockSize: number): number {
  let total = 0
  for (const { length } of reads) total += disk.requestMs + (length * blockSize) / (disk.megabytesPerSecond * 1e3)
  return total
}

function lazyTime(disk: LazyParameters, reads: readonly DeviceRead[], blockSize: number): number {
  const touched = new Set<number>()
  for (const { start, length } of reads) {
    const last = Math.floor(((start + length) * blockSize - 1) / disk.chunkBytes)
    for (let chunk = Math.floor((start * blockSize) / disk.chunkBytes); chunk <= last; chunk++) touched.add(chunk)
  }
  return touched.size * disk.fetchMs
}

/** The model that decides whether a layout is better than another. */
export const referenceModel = 'hdd-7200'

const disks: readonly DiskParameters[] = [
  {
    kind: 'rotating',
    name: 'hdd-7200',
    settleMs: 0.5,
    strokeMs: 14.5,
    rotationMs: 8.34,
    megabytesPerSecond: 120,
    source: 'desktop drive: seek 0.5 ms + 14.5 ms x sqrt(distance), 7200 rotations a minute, 120 MB/s',
  },
  {
    kind: 'rotating',
    name: 'hdd-5400',
    settleMs: 0.8,
    strokeMs: 20,
    rotationMs: 11.11,
    megabytesPerSecond: 90,
    source: 'laptop drive: seek 0.8 ms + 20 ms x sqrt(distance), 5400 rotations a minute, 90 MB/s',
  },
  {
    kind: 'flash',
    name: 'sd',
    requestMs: 0.66,
    megabytesPerSecond: 25,
    source: 'SD card of application class A1: at least 1500 random reads a second; 25 MB/s of the high-speed bus',
  },
  {
    kind: 'flash',
    name: 'ssd',
    requestMs: 0.1,
    megabytesPerSecond: 500,
    source: 'SATA solid state: about 0.1 ms for a random read, 500 MB/s',
  },
  {
    kind: 'flash',
    name: 'nvme',
    requestMs: 0.05,
    megabytesPerSecond: 3000,
    source: 'NVMe solid state: about 0.05 ms for a random read at queue depth 1, 3000 MB/s',
  },
  {
    kind: 'lazy',
    name: 'lazy:512k',
    chunkBytes: 512 * 1024,
    fetchMs: 20,
    source:
      'cloud volume restored from a snapshot: every 512 KiB chunk is fetched on first touch, 20 ms each as a small object read',
  },
]

export const diskModels: readonly DiskModel[] = disks.map(modelOf)

export const findDisk = (name: string): DiskModel | undefined => diskModels.find((model) => model.name === name)

export const defaultDisk: DiskModel = findDisk(referenceModel)!
