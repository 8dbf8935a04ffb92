import type { DiskLayout } from '../layout/file-layout.js'
import type { BootRead } from './boot-read.js'
import { deviceReads } from './device-reads.js'
import { diskModels, type DiskModel } from './disk-model.js'
import type { LayoutMeasure } from './layout-measure.js'

/** Largest request the block layer builds by default: BLK_DEF_MAX_SECTORS, 2560 sectors of 512 bytes. */
const largestRequestBytes = 2560 * 512

export interface MeasureVolume {
  /** Bytes. */
  readonly blockSize: number
  readonly blockCount: number
}

/**
 * What a boot costs on a layout.
 * @param reads   in time order
 * @param missing files the trace names that the volume does not have
 * @param models  disks to model the time of
 */
export function measureLayout(
  reads: readonly BootRead[],
  layout: DiskLayout,
  volume: MeasureVolume,
  missing = 0,
  models: readonly DiskModel[] = diskModels,
): LayoutMeasure {
  const sequence = deviceReads(reads, layout)
  const perRequest = Math.max(1, Math.floor(largestRequestBytes / volume.blockSize))
  let requests = 0
  let seekDistanceBlocks = 0
  let readBlocks = 0
  let first = Infinity
  let end = -Infinity
  let head: number | undefined
  for (const { start, length } of sequence) {
    requests += Math.ceil(length / perRequest)
    if (head !== undefined) seekDistanceBlocks += Math.abs(start - head)
    readBlocks += length
    first = Math.min(first, start)
    end = Math.max(end, start + length)
    head = start + length
  }
  const tables = tableBlocks(reads, layout)
  return {
    requests,
    seeks: Math.max(0, sequence.length - 1),
    seekDistanceBlocks,
    readBlocks,
    spanBlocks: sequence.length === 0 ? 0 : end - first,
    blockSize: volume.blockSize,
    files: new Set(reads.filter(({ kind }) => kind === 'data').map(({ inode }) => inode)).size,
    missing,
    ...(tables !== undefined && { inodeTableBlocks: tables }),
    modelMs: Object.fromEntries(
      models.map((model) => [
        model.name,
        Math.round(model.milliseconds(sequence, volume.blockSize, volume.blockCount) * 100) / 100,
      ]),
    ),
  }
}

/** @returns undefined when the reads say nothing of inodes */
function tableBlocks(reads: readonly BootRead[], layout: DiskLayout): number | undefined {
  const blocks = new Set<number>()
  let asked = false
  for (const { kind, inode } of reads) {
    if (kind !== 'inode') continue
    const block = layout.get(inode)?.table?.block
    if (block === undefined) continue
    asked = true
    blocks.add(block)
  }
  return asked ? blocks.size : undefined
}
