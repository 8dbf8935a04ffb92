/**
 * An embedded database for the length of one command: in a folder of its own that is gone
 * afterwards, within a limit of memory, without the network (DuckDB would fetch extensions).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBConnection,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api'

export interface DatabaseOptions {
  /** As DuckDB takes it: '1GB'. */
  readonly memory?: string
  readonly threads?: number
  /** Where what does not fit into memory goes; default: the folder for temporary files. */
  readonly scratch?: string
}

/** Rows a chunk of DuckDB's holds. */
const chunkRows = 2048

export class Database {
  private readonly instance: DuckDBInstance
  readonly connection: DuckDBConnection
  private readonly folder: string

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, folder: string) {
    this.instance = instance
    this.connection = connection
    this.folder = folder
  }

  static async open({ memory = '1GB', threads = 2, scratch = tmpdir() }: DatabaseOptions = {}): Promise<Database> {
    const folder = await mkdtemp(join(scratch, 'bootpack-fleet-'))
    const instance = await DuckDBInstance.create(join(folder, 'work.duckdb'), {
      memory_limit: memory,
      threads: String(threads),
      temp_directory: join(folder, 'spill'),
      autoinstall_known_extensions: 'false',
    })
    return new Database(instance, await instance.connect(), folder)
  }

  async run(sql: string, values: Record<string, DuckDBValue> = {}): Promise<void> {
    await this.connection.run(sql, values)
  }

  /** Rows as objects. 64-bit numbers come as bigint. */
  async rows<T>(sql: string, values: Record<string, DuckDBValue> = {}): Promise<T[]> {
    return (await this.connection.runAndReadAll(sql, values)).getRowObjects() as T[]
  }

  /** Columns of many rows, a piece at a time: for results that are not held in memory. */
  async *columns(sql: string): AsyncGenerator<DuckDBValue[][]> {
    const result = await this.connection.stream(sql)
    for (;;) {
      const chunk = await result.fetchChunk()
      if (!chunk || chunk.rowCount === 0) return
      yield chunk.getColumns()
    }
  }

  /** Fills a table, column by column. */
  async append(
    table: string,
    types: readonly DuckDBType[],
    columns: readonly (readonly DuckDBValue[])[],
  ): Promise<void> {
    const appender = await this.connection.createAppender(table)
    try {
      const rows = columns[0]!.length
      for (let at = 0; at < rows; at += chunkRows) {
        const chunk = DuckDBDataChunk.create(types, Math.min(chunkRows, rows - at))
        chunk.setColumns(columns.map((column) => column.slice(at, at + chunkRows)))
        appender.appendDataChunk(chunk)
      }
      appender.flushSync()
    } finally {
      appender.closeSync()
    }
  }

  async close(): Promise<void> {
    this.connection.closeSync()
    this.instance.closeSync()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** A text in SQL. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
