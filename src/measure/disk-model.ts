/**
 * Simple disks, for comparing layouts: what positioning and transfer would take.
 * A model is a handful of published or measured parameters and one formula; it
 * ranks layouts, it does not forecast a boot.
 */
import type { DeviceRead } from './device-reads.js'

export interface DiskModel {
  readonly name: string
  /** One line on where the parameters come from. */
  readonly source: string
  /** Milliseconds for a sequence of reads on a disk of `blockCount` blocks of `blockSize` bytes. */
  milliseconds(reads: readonly DeviceRead[], blockSize: number, blockCount: number): number
}

/** One head: settle + stroke x sqrt(distance / whole disk) + half a rotation for every jump. */
function rotating(name: string, source: string, settleMs: number, strokeMs: number, rotationMs: number, megabytesPerSecond: number): DiskModel {
  return {
    name,
    source,
    milliseconds(reads, blockSize, blockCount) {
      let total = 0
      let head: number | undefined
      for (const { start, length } of reads) {
        if (head !== undefined && start !== head) {
          total += settleMs + strokeMs * Math.sqrt(Math.min(1, Math.abs(start - head) / blockCount)) + rotationMs / 2
        }
        total += (length * blockSize) / (megabytesPerSecond * 1e3)
        head = start + length
      }
      return total
    },
  }
}

/** No head: a fixed price for every request that does not continue the last, whatever the distance. */
function flash(name: string, source: string, requestMs: number, megabytesPerSecond: number): DiskModel {
  return {
    name,
    source,
    milliseconds(reads, blockSize) {
      let total = 0
      for (const { length } of reads) total += requestMs + (length * blockSize) / (megabytesPerSecond * 1e3)
      return total
    },
  }
}

/** Every chunk touched for the first time is fetched whole from far away. */
function lazy(chunkBytes: number, fetchMs: number): DiskModel {
  return {
    name: `lazy:${chunkBytes / 1024}k`,
    source: 'volumes restored from object storage fetch a whole chunk on first touch; time per chunk as a small GET',
    milliseconds(reads, blockSize) {
      const touched = new Set<number>()
      for (const { start, length } of reads) {
        const last = Math.floor(((start + length) * blockSize - 1) / chunkBytes)
        for (let chunk = Math.floor((start * blockSize) / chunkBytes); chunk <= last; chunk++) touched.add(chunk)
      }
      return touched.size * fetchMs
    },
  }
}

/** The model that decides whether a layout is better than another. */
export const referenceModel = 'hdd-7200'

export const diskModels: readonly DiskModel[] = [
  rotating('hdd-7200', 'seek curve 0.5 ms + 14.5 ms x sqrt(distance), 8.33 ms a rotation, 120 MB/s', 0.5, 14.5, 8.34, 120),
  rotating('hdd-5400', 'laptop drive: seek curve 0.8 ms + 20 ms x sqrt(distance), 11.1 ms a rotation, 90 MB/s', 0.8, 20, 11.11, 90),
  flash('sd', 'SD card of application class A1: at least 1500 random reads a second, 25 MB/s', 0.66, 25),
  flash('ssd', 'SATA solid state: about 0.1 ms for a random read, 500 MB/s', 0.1, 500),
  flash('nvme', 'NVMe solid state: about 0.05 ms for a random read at queue depth 1, 3000 MB/s', 0.05, 3000),
  lazy(512 * 1024, 20),
]
