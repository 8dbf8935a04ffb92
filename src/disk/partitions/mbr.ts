/**
 * The partition table of 1983, in the first sector of a disk.
 *
 * Four slots at byte 446 and 0x55AA at 510. A slot is 16 bytes: boot flag, type at
 * 4, first sector at 8 and number of sectors at 12, both counted in sectors of the
 * disk. A slot of an extended type holds a chain of further such sectors, one
 * logical partition each: the first sector of the partition is counted from the
 * chain sector it stands in, the next chain sector from the start of the extended
 * partition. Partitions are numbered as Linux numbers them: slots 1 to 4, logical
 * ones from 5 in the order of the chain.
 */
import type { Partition, PartitionTable } from './partition.js'
import { mbrTypeName } from './types.js'
import { readBytes, view } from './bytes.js'
import type { Store } from '../../storage/store.js'

/** Linux makes no more device nodes than this for one disk. */
const mostPartitions = 256
const extendedTypes: ReadonlySet<number> = new Set([0x05, 0x0f, 0x85])
export const protectiveType = 0xee

interface Slot {
  readonly bootFlag: number
  readonly type: number
  /** Sectors. */
  readonly start: number
  readonly count: number
}

/** The four slots of a partition sector, or undefined without its signature. */
export function readSlots(sector: Uint8Array): readonly Slot[] | undefined {
  const bytes = view(sector)
  if (sector.length < 512 || bytes.getUint16(510, true) !== 0xaa55) return undefined
  return [446, 462, 478, 494].map((at) => ({
    bootFlag: bytes.getUint8(at),
    type: bytes.getUint8(at + 4),
    start: bytes.getUint32(at + 8, true),
    count: bytes.getUint32(at + 12, true),
  }))
}

/**
 * Whether the first sector is a partition table at all. The signature alone says
 * little, boot sectors of filesystems carry it too; their code or parameters then
 * stand where the slots are, so a boot flag other than 0x00 and 0x80 gives them away.
 */
export const looksPartitioned = (slots: readonly Slot[]): boolean =>
  slots.every((slot) => slot.bootFlag === 0 || slot.bootFlag === 0x80) &&
  slots.some((slot) => slot.count > 0 && slot.start > 0 && slot.type !== 0)

/**
 * @returns undefined when the first sector holds no such table, or one that only
 *   protects a GPT
 */
export async function readMbr(store: Store, sectorSize: number): Promise<PartitionTable | undefined> {
  if (store.size < sectorSize) return undefined
  const slots = readSlots(await readBytes(store, 0, 512))
  if (!slots || !looksPartitioned(slots) || slots.some((slot) => slot.type === protectiveType)) return undefined
  const partitions: Partition[] = []
  const logical: Partition[] = []
  const warnings: string[] = []
  for (const [index, slot] of slots.entries()) {
    if (slot.count === 0) continue
    partitions.push(asPartition(index + 1, slot, 0, sectorSize))
    if (extendedTypes.has(slot.type)) await readChain(store, slot, sectorSize, logical, warnings)
  }
  return { scheme: 'mbr', sectorSize, partitions: [...partitions, ...logical], warnings }
}

/** Follows one chain of logical partitions; a chain that loops or leaves the disk ends there. */
async function readChain(
  store: Store,
  extended: Slot,
  sectorSize: number,
  logical: Partition[],
  warnings: string[],
): Promise<void> {
  const visited = new Set<number>()
  let at = extended.start
  let span = extended.count
  for (;;) {
    if (visited.has(at) || visited.size >= mostPartitions) {
      warnings.push(`The chain of logical partitions comes back to sector ${at}, the rest of it is not looked at.`)
      return
    }
    visited.add(at)
    if ((at + 1) * sectorSize > store.size) {
      warnings.push(`The chain of logical partitions goes on at sector ${at}, beyond the end of the disk.`)
      return
    }
    const slots = readSlots(await readBytes(store, at * sectorSize, 512))
    if (!slots) {
      warnings.push(`The chain of logical partitions goes on at sector ${at}, but there is no partition sector there.`)
      return
    }
    for (const [index, slot] of slots.entries()) {
      if (slot.count === 0 || extendedTypes.has(slot.type)) continue
      // Only two slots mean anything here; what stands in the others must at least fit.
      const fits = slot.start + slot.count <= span && at + slot.start + slot.count <= extended.start + extended.count
      if (index >= 2 && !fits) continue
      if (logical.length + 4 >= mostPartitions) return
      logical.push(asPartition(5 + logical.length, slot, at, sectorSize))
    }
    const next = slots.find((slot) => slot.count > 0 && extendedTypes.has(slot.type))
    if (!next) return
    at = extended.start + next.start
    span = next.count
  }
}

const asPartition = (number: number, slot: Slot, base: number, sectorSize: number): Partition => ({
  number,
  start: (base + slot.start) * sectorSize,
  size: slot.count * sectorSize,
  type: `0x${slot.type.toString(16).padStart(2, '0')}`,
  typeName: mbrTypeName(slot.type),
  name: '',
})

export const isExtended = (partition: Partition): boolean => extendedTypes.has(Number(partition.type))
