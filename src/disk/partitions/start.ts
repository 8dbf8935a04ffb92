import { usageError } from '../../errors.js'
import { FileStore } from '../../storage/file-store.js'
import { readPartitionTable } from './table.js'

/**
 * Where a partition begins, bytes from the start of the disk.
 * @throws usage when there is no such partition; io
 */
export async function partitionStart(path: string, number: number): Promise<number> {
  const store = await FileStore.open(path)
  try {
    const table = await readPartitionTable(store)
    const partition = table?.partitions.find((each) => each.number === number)
    if (!partition) throw usageError('no-such-partition', `There is no partition ${number} any more.`)
    return partition.start
  } finally {
    await store.close()
  }
}
