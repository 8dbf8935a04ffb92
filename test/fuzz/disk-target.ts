/**
 * Disks that are no plain filesystem: partition tables and the signs of containers,
 * varied and combined.
 */
import { crc32 } from '../../src/bytes/crc32.js'
import { containerFormats } from '../../src/disk/containers/formats.js'
import { findFilesystem } from '../../src/ext4/engine/open-image.js'
import { readPartitionTable } from '../../src/disk/partitions/table.js'
import { BootpackError } from '../../src/errors.js'
import { MemoryStore } from '../storage/memory-store.js'
import type { Random } from '../support/random.js'

const size = 256 * 1024
const sector = 512

/** An MBR with a chain of logical partitions, or a GPT; with an ext superblock in the first partition. */
function goodDisk(random: Random): Buffer {
  const disk = Buffer.alloc(size)
  disk.writeUInt16LE(0xaa55, 510)
  disk.writeUInt16LE(0xef53, 64 * sector + 1024 + 0x38)
  const entry = (table: number, n: number, type: number, start: number, length: number): void => {
    const at = table * sector + 446 + n * 16
    disk[at + 4] = type
    disk.writeUInt32LE(start, at + 8)
    disk.writeUInt32LE(length, at + 12)
  }
  if (random.chance(0.5)) {
    entry(0, 0, 0x83, 64, 100)
    entry(0, 1, 0x05, 200, 200)
    for (let n = 0; n < 4; n++) {
      const table = 200 + n * 40
      disk.writeUInt16LE(0xaa55, table * sector + 510)
      entry(table, 0, 0x83, 4, 20)
      if (n < 3) entry(table, 1, 0x05, (n + 1) * 40, 40)
    }
  } else {
    entry(0, 0, 0xee, 1, size / sector - 1)
    const last = size / sector - 1
    for (let n = 0; n < 3; n++) {
      const at = 2 * sector + n * 128
      disk.fill(n + 1, at, at + 32)
      disk.writeUInt32LE(64 + n * 100, at + 32)
      disk.writeUInt32LE(64 + n * 100 + 90, at + 40)
      disk.write('name', at + 56, 'utf16le')
    }
    disk.copy(disk, (last - 32) * sector, 2 * sector, 34 * sector)
    for (const [here, other, entries] of [
      [1, last, 2],
      [last, 1, last - 32],
    ] as const) {
      const at = here * sector
      disk.write('EFI PART', at, 'latin1')
      for (const [offset, value] of [
        [8, 0x1_0000],
        [12, 92],
        [24, here],
        [32, other],
        [40, 34],
        [48, last - 33],
        [72, entries],
        [80, 128],
        [84, 128],
      ] as const)
        disk.writeUInt32LE(value, at + offset)
    }
    sealGpt(disk)
  }
  return disk
}

function sealGpt(disk: Buffer): void {
  for (const at of [sector, disk.length - sector]) {
    const entries = disk.readUInt32LE(at + 72) * sector
    const length = Math.min(disk.readUInt32LE(at + 80) * disk.readUInt32LE(at + 84), disk.length)
    disk.writeUInt32LE(
      crc32(disk.subarray(Math.min(entries, disk.length), Math.min(entries + length, disk.length))),
      at + 88,
    )
    disk.writeUInt32LE(0, at + 16)
    disk.writeUInt32LE(crc32(disk.subarray(at, at + Math.min(92, disk.readUInt32LE(at + 12)))), at + 16)
  }
}

/** @throws what must not be thrown */
export async function tryDisk(random: Random): Promise<void> {
  const disk = goodDisk(random)
  const places = [0, sector, 2 * sector, 200 * sector, 240 * sector, size - sector, size - 33 * sector]
  for (let changes = random.below(8); changes > 0; changes--) {
    const at = random.pick(places) + random.below(sector)
    const width = random.pick([1, 2, 4] as const)
    const value =
      random.pick([0, 1, 2 ** (8 * width) - 1, random.below(2 ** (8 * width)), random.below(600)]) % 2 ** (8 * width)
    disk.writeUIntLE(value, Math.min(at, size - width), width)
  }
  if (random.chance(0.3)) {
    const magic = random.pick(random.pick(containerFormats).magic)
    const at = magic.offset < 0 ? size + magic.offset : magic.offset
    if (at >= 0 && at < size) disk.write(magic.bytes, at, 'latin1')
  }
  if (random.chance(0.5)) sealGpt(disk)
  const bytes = random.chance(0.1) ? disk.subarray(0, random.below(size)) : disk
  const before = Buffer.from(bytes)
  const store = new MemoryStore(bytes)
  for (const work of [
    () => findFilesystem(store, 'a disk.img', random.chance(0.5) ? {} : { partition: random.below(8) }),
    () => readPartitionTable(store, random.pick([undefined, 512, 4096])),
  ]) {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof BootpackError) || error.family === 'io') throw error
      if (/[\x00-\x09\x0b-\x1f\x7f]/.test(error.message))
        throw new Error(`control bytes in: ${JSON.stringify(error.message)}`, { cause: error })
    }
  }
  if (!before.equals(bytes)) throw new Error('reading changed the disk')
}
