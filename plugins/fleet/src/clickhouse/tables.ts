/** What the tables on a server are like. */
import { usageError } from 'bootpack/engine'
import type { Server } from './server.js'

/**
 * Whether reads have columns for who reads, as schema 2 has and schema 1 has not.
 * @throws io when there is no such table
 */
export async function hasReaders(server: Server, prefix: string): Promise<boolean> {
  const columns = await server.rows(`describe table ${prefix}reads`)
  return columns.some(([name]) => name === 'reader')
}

/** @throws usage when boots cannot be added to the tables as they are */
export async function needReaders(server: Server, prefix: string): Promise<void> {
  if (await hasReaders(server, prefix)) return
  throw usageError(
    'old-tables',
    `The table ${prefix}reads is of schema 1 and has no columns for who reads.`,
    'Add them; boots that are there stay: bootpack fleet sql --dialect clickhouse --upgrade',
  )
}
