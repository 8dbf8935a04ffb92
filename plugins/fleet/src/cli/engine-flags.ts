import { Flags } from '@oclif/core'
import { usageError } from 'bootpack/engine'
import type { Server } from '../clickhouse/server.js'
import type { FleetEngine } from '../merge/engine.js'

/** Flags that say where a fleet's boots are kept. */
export const engineFlags = {
  engine: Flags.option({
    description: 'database that counts: duckdb works on the files of a folder, clickhouse on servers',
    options: ['duckdb', 'clickhouse'] as const,
    default: 'duckdb' as const,
  })(),
  url: Flags.string({ description: 'clickhouse: a server, of a cluster any', helpValue: 'URL' }),
  user: Flags.string({
    description: 'clickhouse: user; the password is taken from BOOTPACK_CLICKHOUSE_PASSWORD',
    helpValue: 'NAME',
  }),
  database: Flags.string({ description: 'clickhouse: database', helpValue: 'NAME' }),
  tables: Flags.string({
    description: 'clickhouse: what the names of the tables begin with',
    default: 'bootpack_',
    helpValue: 'PREFIX',
  }),
}

export interface EngineChoice {
  readonly engine: 'duckdb' | 'clickhouse'
  readonly url?: string | undefined
  readonly user?: string | undefined
  readonly database?: string | undefined
  readonly tables: string
}

export const memoryFlag = Flags.string({
  description: 'memory the embedded database may use',
  default: '1GB',
  helpValue: 'SIZE',
})

/** @throws usage for what is no size */
export function checkMemory(given: string): string {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([KMGT])i?B?$/i.exec(given) ?? []
  if (number !== undefined && unit !== undefined && Number(number) > 0) return `${number}${unit.toUpperCase()}B`
  throw usageError('bad-memory', `${JSON.stringify(given)} is no amount of memory.`, 'Give one such as 1GB or 512MB.')
}

/** @throws usage when there is no address of a server */
export async function openServer(choice: EngineChoice): Promise<Server> {
  if (choice.url === undefined)
    throw usageError('no-url', 'ClickHouse is a server, and which one was not said.', 'Give --url http://HOST:8123.')
  const { Server } = await import('../clickhouse/server.js')
  return new Server({
    url: choice.url,
    user: choice.user,
    password: process.env['BOOTPACK_CLICKHOUSE_PASSWORD'],
    database: choice.database,
  })
}

/**
 * @param where a fleet's folder or an address of s3; not needed for servers
 * @throws usage when it is not there, and as opening the database does
 */
export async function openEngine(
  where: string | undefined,
  choice: EngineChoice,
  memory: string,
): Promise<FleetEngine> {
  if (choice.engine === 'clickhouse') {
    const { ClickHouseEngine } = await import('../clickhouse/engine.js')
    return await ClickHouseEngine.open(await openServer(choice), choice.tables)
  }
  if (where === undefined)
    throw usageError(
      'no-folder-named',
      'The folder of the fleet was not named.',
      'Give the one that `fleet add` filled.',
    )
  const [{ openFleet }, { DuckDbEngine }] = await Promise.all([
    import('../duckdb/open-fleet.js'),
    import('../duckdb/engine.js'),
  ])
  const { database, sources } = await openFleet(where, checkMemory(memory))
  return new DuckDbEngine(database, sources)
}
