/** A ClickHouse server, or the one of a cluster that is asked. */
import { Readable } from 'node:stream'
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client'
import { BootpackError } from 'bootpack'
import { usageError } from 'bootpack/engine'
import { tsvRow, tsvValues } from './tsv.js'

export interface ServerOptions {
  readonly url: string
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly database?: string | undefined
}

type Value = string | number | bigint | null

export class Server {
  private readonly client: ClickHouseClient

  private readonly options: ServerOptions

  /** @throws usage for what is no address */
  constructor(options: ServerOptions) {
    this.options = options
    const { url, user, password, database } = options
    if (!/^https?:\/\/[^/]/.test(url))
      throw usageError(
        'bad-url',
        `${JSON.stringify(url)} is no address of a server.`,
        'Give one such as http://localhost:8123.',
      )
    this.client = createClient({
      url,
      ...(user === undefined ? {} : { username: user }),
      ...(password === undefined ? {} : { password }),
      ...(database === undefined ? {} : { database }),
      // A connection that 18.16 had closed meanwhile was used once more, and the query failed.
      keep_alive: { enabled: false },
      request_timeout: 3_600_000,
      log: { level: ClickHouseLogLevel.OFF },
    })
  }

  async version(): Promise<string> {
    const [row] = await this.rows('select version()')
    return row![0]!
  }

  async run(query: string): Promise<void> {
    await this.told(this.client.command({ query, clickhouse_settings: settings }))
  }

  async rows(query: string): Promise<(string | null)[][]> {
    const result = await this.told(this.client.query({ query, format: 'TabSeparated', clickhouse_settings: settings }))
    const rows: (string | null)[][] = []
    try {
      for await (const batch of result.stream())
        for (const { text } of batch) if (text !== '') rows.push(tsvValues(text))
    } catch (error) {
      throw this.named(error)
    }
    return rows
  }

  /** @param columns those of the rows, in their order; default: all that the table has */
  async insert(
    table: string,
    rows: Iterable<readonly Value[]> | AsyncIterable<readonly Value[]>,
    columns: readonly string[] = [],
  ): Promise<void> {
    const values = Readable.from(pieces(rows), { objectMode: false })
    const [first, ...more] = columns
    await this.told(
      this.client.insert({
        table,
        values,
        format: 'TabSeparated',
        clickhouse_settings: settings,
        ...(first === undefined ? {} : { columns: [first, ...more] }),
      }),
    )
  }

  async close(): Promise<void> {
    await this.client.close()
  }

  private async told<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      throw this.named(error)
    }
  }

  private named(error: unknown): unknown {
    if (error instanceof BootpackError) return error
    const said = error instanceof Error ? error.message.replace(/\s+/g, ' ').trim().slice(0, 300) : String(error)
    return new BootpackError(
      'io',
      'clickhouse',
      `The ClickHouse server at ${this.options.url} did not answer a query: ${said}`,
      {
        cause: error,
        next: nextOf(said),
      },
    )
  }
}

function nextOf(said: string): string {
  if (/UNKNOWN_TABLE|doesn't exist|UnknownTable/i.test(said))
    return 'Make the tables: bootpack fleet sql --dialect clickhouse --setup'
  if (/memory limit/i.test(said))
    return 'Give its user more memory (max_memory_usage), or merge fewer boots (--since); nothing was written.'
  return 'Every server of the cluster has to be up; then try again: nothing was written.'
}

/** A server that is down is an error, never a part of the fleet left out; rows are there when an insert has ended. */
const settings = { skip_unavailable_shards: 0, insert_distributed_sync: 1 } as const

async function* pieces(rows: Iterable<readonly Value[]> | AsyncIterable<readonly Value[]>): AsyncGenerator<string> {
  let piece = ''
  for await (const row of rows) {
    piece += tsvRow(row)
    if (piece.length > 1 << 18) {
      yield piece
      piece = ''
    }
  }
  if (piece !== '') yield piece
}
