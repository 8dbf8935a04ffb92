/**
 * Boots as Parquet. Distinct reads go to the database once, and each read as four numbers;
 * joining them there costs less than handing over the same names again and again.
 */
import { BIGINT, DOUBLE, INTEGER, VARCHAR, type DuckDBType } from '@duckdb/node-api'
import type { TraceRead } from 'bootpack/types'
import type { BootRow } from '../schema/boot.js'
import { bootColumns, readColumns, schemaVersion, type Column } from '../schema/columns.js'
import { toRow, type ReadRow } from '../schema/read-rows.js'
import { shapeKey, shapeNumber } from '../schema/shape.js'
import { literal, type Database } from './database.js'

/** What a Parquet file says of itself in its footer: the schema, and the boots of a file that stands alone. */
export const footerKeys = { schema: 'bootpack_schema', boots: 'bootpack_boots' } as const

const typeOf: Readonly<Record<Column['duckdb'], DuckDBType>> = { VARCHAR, INTEGER, BIGINT, DOUBLE }

const definition = (columns: readonly Column[]): string =>
  columns.map(({ name, duckdb }) => `${name} ${duckdb}`).join(', ')

const parquet = (footer: Readonly<Record<string, string>>): string =>
  `(format parquet, compression zstd, row_group_size 250000, kv_metadata {${Object.entries(footer)
    .map(([key, value]) => `${key}: ${literal(value)}`)
    .join(', ')}})`

/** Gathers boots, and writes them. */
export class TableWriter {
  private readonly boots: BootRow[] = []
  private readonly shapes = new Map<string, number>()
  private readonly rows: (ReadRow & { readonly shape: bigint })[] = []
  private pending: { boot: number[]; seq: number[]; t: (number | null)[]; shape: number[] } = emptyReads()
  private begun = false

  private readonly database: Database

  constructor(database: Database) {
    this.database = database
  }

  get count(): number {
    return this.boots.length
  }

  async add(boot: BootRow, reads: readonly TraceRead[]): Promise<void> {
    const { pending } = this
    for (const [seq, read] of reads.entries()) {
      pending.boot.push(this.boots.length)
      pending.seq.push(seq)
      pending.t.push(read.t ?? null)
      pending.shape.push(this.shapeOf(read))
    }
    this.boots.push(boot)
    if (pending.seq.length > 1 << 18) await this.flush()
  }

  /** Number of the distinct row that a read is. */
  private shapeOf(read: TraceRead): number {
    const row = toRow(read)
    const key = shapeKey(read)
    const full = row.extra === null && row.reader === null ? key : `${key}\0${row.reader ?? ''}\0${row.extra ?? ''}`
    let number = this.shapes.get(full)
    if (number === undefined) {
      number = this.rows.length
      this.shapes.set(full, number)
      this.rows.push({ ...row, shape: shapeNumber(key) })
    }
    return number
  }

  private async flush(): Promise<void> {
    if (!this.begun)
      await this.database.run('create table touched (boot integer, seq integer, t double, shape integer)')
    this.begun = true
    const { boot, seq, t, shape } = this.pending
    if (boot.length > 0)
      await this.database.append('touched', [INTEGER, INTEGER, DOUBLE, INTEGER], [boot, seq, t, shape])
    this.pending = emptyReads()
  }

  /**
   * Writes the boots that `wanted` chooses.
   * @param reads, boots paths of new files; without `boots` the footer of `reads` has them
   */
  async write(reads: string, boots?: string, wanted: (boot: BootRow) => boolean = () => true): Promise<void> {
    await this.flush()
    const { database } = this
    const chosen = this.boots.filter(wanted)
    await this.fillDistinct()
    await database.run('create or replace table chosen (n integer, boot_id varchar)')
    const numbers = this.boots.flatMap((boot, n) => (wanted(boot) ? [n] : []))
    await database.append('chosen', [INTEGER, VARCHAR], [numbers, chosen.map(({ boot_id }) => boot_id)])
    const footer = {
      [footerKeys.schema]: String(schemaVersion),
      ...(boots === undefined ? { [footerKeys.boots]: JSON.stringify(chosen) } : {}),
    }
    const own = new Set(['boot_id', 'seq', 't'])
    await database.run(
      `copy (select boot_id, seq, t, ${readColumns
        .filter(({ name }) => !own.has(name))
        .map(({ name }) => `d.${name}`)
        .join(', ')} from touched join chosen on boot = n join distinct_reads d on touched.shape = d.number
      order by boot_id, seq) to ${literal(reads)} ${parquet(footer)}`,
    )
    if (boots === undefined) return
    await database.run(`create or replace table boots (${definition(bootColumns)})`)
    await database.append(
      'boots',
      bootColumns.map(({ duckdb }) => typeOf[duckdb]),
      bootColumns.map(({ name, duckdb }) =>
        chosen.map((boot) => {
          const value = boot[name as keyof BootRow]
          return duckdb === 'BIGINT' && value !== null ? BigInt(value) : value
        }),
      ),
    )
    await database.run(`copy (select * from boots order by boot_id) to ${literal(boots)} ${parquet(footer)}`)
  }

  private async fillDistinct(): Promise<void> {
    const { database, rows } = this
    const columns = readColumns.slice(3)
    await database.run(`create or replace table distinct_reads (number integer, ${definition(columns)})`)
    await database.append(
      'distinct_reads',
      [INTEGER, ...columns.map(({ duckdb }) => typeOf[duckdb])],
      [
        rows.map((_, number) => number),
        ...columns.map(({ name, duckdb }) =>
          rows.map((row) => {
            const value = row[name as keyof typeof row]
            return duckdb === 'BIGINT' && value !== null ? BigInt(value) : value
          }),
        ),
      ],
    )
  }
}

const emptyReads = (): { boot: number[]; seq: number[]; t: (number | null)[]; shape: number[] } => ({
  boot: [],
  seq: [],
  t: [],
  shape: [],
})
