import { BootpackError } from 'bootpack'
import { needFleet, patternOf, readsBeside } from '../store/layout.js'
import { Database } from './database.js'
import type { Sources } from './engine.js'

/**
 * The files of a fleet, in a folder here or in a bucket.
 * @param where a folder, or s3://BUCKET/PREFIX
 * @throws usage when a folder holds no fleet; unsupported when DuckDB lacks what reads buckets
 */
export async function openFleet(where: string, memory: string): Promise<{ database: Database; sources: Sources }> {
  const remote = /^s3:\/\//.test(where)
  if (!remote) needFleet(where)
  const database = await Database.open({ memory })
  try {
    if (remote) await loadRemote(database)
    return { database, sources: sourcesOf(where) }
  } catch (error) {
    await database.close()
    throw error
  }
}

const sourcesOf = (where: string): Sources => {
  // join() would make s3:/ of s3://.
  const [, scheme = '', rest] = /^(s3:\/\/)?(.*)$/s.exec(where)!
  return {
    reads: scheme + patternOf(rest!, 'reads'),
    boots: scheme + patternOf(rest!, 'boots'),
    readsOf: readsBeside,
  }
}

/** DuckDB reads buckets with an extension that it does not come with, and that nothing here downloads. */
async function loadRemote(database: Database): Promise<void> {
  try {
    await database.run('load httpfs')
  } catch (cause) {
    const [row] = await database.rows<{ version: string }>('select version() as version')
    throw new BootpackError(
      'unsupported',
      'no-httpfs',
      'DuckDB reads s3:// with its extension httpfs, which is not installed here.',
      {
        next: `Install it once where there is a network, with DuckDB ${row?.version ?? ''}: duckdb -c 'INSTALL httpfs'. Or copy the files here.`,
        cause,
      },
    )
  }
}
