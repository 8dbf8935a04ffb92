import { usageError } from '../../errors.js'
import type { Store } from '../../storage/store.js'
import { readPartitionTable } from './table.js'

/**
 * Where a partition begins, bytes from the start of the disk.
 * @throws usage when there is no such partition; io
 */
export async function partitionStart(disk: Store, number: number): Promise<number> {
  const table = await readPartitionTable(disk)
  const partition = table?.partitions.find((each) => each.number === number)
  if (!partition) throw usageError('no-such-partition', `There is no partition ${number} any more.`)
  return partition.start
}
