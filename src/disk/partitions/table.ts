import type { PartitionTable } from './partition.js'
import { readGpt } from './gpt.js'
import { readMbr } from './mbr.js'
import type { Store } from '../../storage/store.js'

/**
 * The partition table of a disk. Only reads.
 *
 * @param sectorSize bytes, where the disk tells; an image does not, and then a GPT
 *   is looked for with 512 and 4096 byte sectors and an MBR counts in 512
 * @returns undefined when the disk has no table
 * @throws corrupt when a GPT was there and can no longer be trusted
 */
export async function readPartitionTable(store: Store, sectorSize?: number): Promise<PartitionTable | undefined> {
  return (await readGpt(store, sectorSize)) ?? (await readMbr(store, sectorSize ?? 512))
}
