/** A fleet on ClickHouse servers. Tables that the merge needs for itself are on the server asked, and go with it. */
import { randomBytes } from 'node:crypto'
import { usageError } from 'bootpack/engine'
import { medianOf, type Reader } from 'bootpack/trace'
import type { Cover, FleetEngine, Selection, ShapeRow } from '../merge/engine.js'
import type { BootRow } from '../schema/boot.js'
import { bootColumns } from '../schema/columns.js'
import { fromRow, type FoundRow } from '../schema/read-rows.js'
import { readerOfColumns, readerOfExtra, Readers } from '../schema/reader.js'
import {
  namesQuery,
  ranksQuery,
  readersQuery,
  shapesQuery,
  supportQuery,
  timesQuery,
  touchQuery,
} from '../sql/clickhouse.js'
import { hasReaders } from './tables.js'
import type { Server } from './server.js'

/** Boots whose touches and ranks are worked out in one query: some 100 MB of a server's memory. */
const bootsInOneQuery = 250

const text = (value: string): string => `'${value.replace(/[\\']/g, '\\$&')}'`

export class ClickHouseEngine implements FleetEngine {
  private readonly own = `bootpack_merge_${randomBytes(6).toString('hex')}_`
  private readonly made: string[] = []
  private count = 0

  readonly name: string
  private readonly server: Server
  private readonly prefix: string
  /** Whether the tables have columns for who reads: schema 2. */
  private readonly numbered: boolean
  private readonly who = new Readers()

  private readonly bootsAtOnce: number

  private constructor(name: string, server: Server, prefix: string, numbered: boolean, bootsAtOnce: number) {
    this.name = name
    this.server = server
    this.prefix = prefix
    this.numbered = numbered
    this.bootsAtOnce = bootsAtOnce
  }

  /** @throws io when the server does not answer */
  static async open(server: Server, prefix: string, bootsAtOnce = bootsInOneQuery): Promise<ClickHouseEngine> {
    if (!/^[A-Za-z_][A-Za-z0-9_.]*$/.test(prefix))
      throw usageError(
        'bad-prefix',
        `${JSON.stringify(prefix)} cannot begin the name of a table.`,
        'Take letters, digits and underscores.',
      )
    const name = `ClickHouse ${await server.version()}`
    return new ClickHouseEngine(name, server, prefix, await hasReaders(server, prefix), bootsAtOnce)
  }

  async boots({ image, since }: Selection): Promise<BootRow[]> {
    const rows = await this.server.rows(
      `select ${bootColumns.map(({ name }) => name).join(', ')} from ${this.prefix}boots where image = ${text(image)}${
        since === undefined ? '' : ` and day >= ${text(since)}`
      }`,
    )
    const boots = rows.map((row) => bootFrom(row))
    return [...new Map(boots.map((boot) => [boot.boot_id, boot])).values()]
  }

  async shapes(boots: readonly BootRow[]): Promise<ShapeRow[]> {
    this.count = boots.length
    const boot = await this.table('boot', 'n Int64, boot_id String')
    await this.server.insert(
      boot,
      boots.map(({ boot_id }, n) => [n, boot_id]),
    )
    const rows = await this.server.rows(shapesQuery(`${this.prefix}reads`, boot))
    return rows.map(([ino, path, kind, what, dev, off, len, shape, first]) => {
      const row: FoundRow = {
        t: null,
        ino: number(ino),
        path: path ?? null,
        off: Number(off),
        len: number(len),
        kind: kind!,
        what: what ?? null,
        dev: dev ?? null,
        program: null,
        unit: null,
        extra: null,
      }
      const place = BigInt(first!)
      return { read: fromRow(row), shape: BigInt(shape!), boot: Number(place >> 32n), seq: Number(place & 0xffffffffn) }
    })
  }

  async cover(covers: readonly Cover[]): Promise<void> {
    const cover = await this.table('cover', 'shape Int64, first UInt32, last UInt32')
    await this.server.insert(
      cover,
      covers.map(({ shape, first, end }) => [shape, first, end]),
    )
    const touch = await this.table(
      'touch',
      'n Int64, sid UInt32, seq Int32, t Float64, reader Int64',
      'MergeTree order by (n, seq)',
    )
    const reads = `${this.prefix}reads`
    const boot = this.own + 'boot'
    for (const portion of this.portions())
      await this.server.run(touchQuery({ reads, boot, cover, touch }, portion, this.numbered))
    for (const row of await this.server.rows(namesQuery(reads, this.own + 'boot', this.numbered))) {
      const [number, program = null, unit = null, extra = null] = row
      const reader = extra === null ? readerOfColumns(program, unit) : readerOfExtra(extra)
      if (reader !== undefined) this.who.add(BigInt(number!), reader)
    }
  }

  async support(least: number): Promise<Map<number, number>> {
    const rows = await this.server.rows(supportQuery(this.own + 'touch', least))
    return new Map(rows.map(([sid, n]) => [Number(sid), Number(n)]))
  }

  async ranks(kept: readonly number[]): Promise<Map<number, number>> {
    const table = await this.segments('kept', kept)
    const counts = new Map<number, Map<number, number>>()
    for (const portion of this.portions()) {
      for (const [sid, rank, boots] of await this.server.rows(ranksQuery(this.own + 'touch', table, portion))) {
        let bars = counts.get(Number(sid))
        if (!bars) counts.set(Number(sid), (bars = new Map()))
        bars.set(Number(rank), (bars.get(Number(rank)) ?? 0) + Number(boots))
      }
    }
    return new Map([...counts].map(([sid, bars]) => [sid, medianOf([...bars].sort(([a], [b]) => a - b))]))
  }

  async readers(kept: readonly number[]): Promise<Map<number, (readonly [Reader, number])[]>> {
    const table = await this.segments('told', kept)
    const readers = new Map<number, (readonly [Reader, number])[]>()
    for (const [segment, number, boots] of await this.server.rows(readersQuery(this.own + 'touch', table))) {
      const reader = this.who.get(BigInt(number!))
      if (reader === undefined) continue
      const sid = Number(segment)
      readers.set(sid, [...(readers.get(sid) ?? []), [reader, Number(boots)]])
    }
    return readers
  }

  async times(segments: readonly number[]): Promise<Map<number, number>> {
    const table = await this.segments('head', segments)
    const rows = await this.server.rows(timesQuery(this.own + 'touch', table))
    return new Map(rows.map(([sid, middle]) => [Number(sid), Number(middle)]))
  }

  async close(): Promise<void> {
    // The merge is over either way; what cannot be dropped now is named by its prefix.
    for (const table of this.made) await this.server.run(`drop table if exists ${table}`).catch(() => {})
    await this.server.close()
  }

  private *portions(): Generator<string> {
    for (let from = 0; from < this.count; from += this.bootsAtOnce)
      yield `n >= ${from} and n < ${from + this.bootsAtOnce}`
  }

  private async segments(name: string, segments: readonly number[]): Promise<string> {
    const table = await this.table(name, 'sid UInt32')
    if (segments.length > 0)
      await this.server.insert(
        table,
        segments.map((segment) => [segment]),
      )
    return table
  }

  private async table(name: string, columns: string, engine = 'Memory'): Promise<string> {
    const table = this.own + name
    this.made.push(table)
    await this.server.run(`create table ${table} (${columns}) engine = ${engine}`)
    return table
  }
}

const number = (value: string | null | undefined): number | null =>
  value === null || value === undefined ? null : Number(value)

/** A row in the order of the columns. */
function bootFrom(row: readonly (string | null)[]): BootRow {
  return Object.fromEntries(
    bootColumns.map(({ name, duckdb }, i) => {
      const value = row[i] ?? null
      return [name, duckdb === 'VARCHAR' || value === null ? value : Number(value)]
    }),
  ) as unknown as BootRow
}
