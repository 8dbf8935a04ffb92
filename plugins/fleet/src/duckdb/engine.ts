/** The embedded engine: Parquet files in, answers out, whatever does not fit into memory on the disk. */
import { BIGINT, INTEGER, VARCHAR, type DuckDBValue } from '@duckdb/node-api'
import type { Cover, FleetEngine, Selection, ShapeRow } from '../merge/engine.js'
import type { Reader } from 'bootpack/trace'
import type { BootRow } from '../schema/boot.js'
import { fromRow, type FoundRow } from '../schema/read-rows.js'
import { readerNumber, readerOfColumns, readerOfExtra, Readers } from '../schema/reader.js'
import { Touches, type SeenReads } from '../merge/touches.js'
import { namesQuery, seenQuery, shapesQuery } from '../sql/duckdb.js'
import { schemaOf } from '../store/layout.js'
import { literal, type Database } from './database.js'

export interface Sources {
  /** A pattern of Parquet files, or a list of them as SQL. */
  readonly reads: string
  readonly boots: string
  /** The file of the reads of the boots in a file of boots. */
  readonly readsOf: (boots: string) => string
}

export class DuckDbEngine implements FleetEngine {
  readonly name = 'DuckDB'
  /** File of the reads of each boot: a boot that was added twice is in two, and counts in one. */
  private files = new Map<string, string>()
  private touches: Touches | undefined
  /** Readers by the number that `seen` has of them. */
  private who: Reader[] = []

  private readonly database: Database
  private readonly sources: Sources

  /** @param sources patterns of the files of both tables */
  constructor(database: Database, sources: Sources) {
    this.database = database
    this.sources = sources
  }

  async boots({ image, since }: Selection): Promise<BootRow[]> {
    const rows = await this.database.rows<Record<string, DuckDBValue>>(
      `select * from read_parquet(${literal(this.sources.boots)}, filename = true, hive_partitioning = false)
       where image = $image ${since === undefined ? '' : 'and day >= $since'}
       qualify row_number() over (partition by boot_id order by filename) = 1`,
      since === undefined ? { image } : { image, since },
    )
    this.files = new Map(
      rows.map(({ boot_id, filename }) => [boot_id as string, this.sources.readsOf(filename as string)]),
    )
    return rows.map((row) => bootFrom(row))
  }

  async shapes(boots: readonly BootRow[]): Promise<ShapeRow[]> {
    const { database } = this
    await database.run('create or replace table boot (n integer, boot_id varchar, file varchar)')
    await database.append(
      'boot',
      [INTEGER, VARCHAR, VARCHAR],
      [
        boots.map((_, n) => n),
        boots.map(({ boot_id }) => boot_id),
        boots.map(({ boot_id }) => this.files.get(boot_id) ?? null),
      ],
    )
    const shapes: ShapeRow[] = []
    for await (const columns of database.columns(shapesQuery(this.reads()))) {
      const [ino, path, kind, what, dev, off, len, shape, first] = columns as DuckDBValue[][]
      for (const [i, number] of shape!.entries()) {
        const place = (first![i] as { entries: { boot: number; seq: number } }).entries
        const row: FoundRow = {
          t: null,
          ino: numberOf(ino![i]),
          path: path![i] as string | null,
          off: Number(off![i]),
          len: numberOf(len![i]),
          kind: kind![i] as string,
          what: what![i] as string | null,
          dev: dev![i] as string | null,
          program: null,
          unit: null,
          extra: null,
        }
        shapes.push({ read: fromRow(row), shape: number as bigint, boot: place.boot, seq: place.seq })
      }
    }
    return shapes
  }

  async cover(covers: readonly Cover[]): Promise<void> {
    const { database } = this
    await database.run('create or replace table cover (shape bigint, id integer)')
    await database.append('cover', [BIGINT, INTEGER], [covers.map(({ shape }) => shape), covers.map((_, id) => id)])
    await database.run('create or replace table seen (n integer, id integer, t double, who integer)')
    await this.numberReaders()
    for (const file of new Set(this.files.values())) await database.run(seenQuery(literal(file), schemaOf(file)))
    const segments = covers.reduce((most, { end }) => Math.max(most, end), 0)
    const first = Int32Array.from(covers, (cover) => cover.first)
    const end = Int32Array.from(covers, (cover) => cover.end)
    this.touches = new Touches(segments, first, end, () => this.seen())
  }

  support(least: number): Promise<Map<number, number>> {
    return this.touches!.countBoots(least)
  }

  ranks(kept: readonly number[]): Promise<Map<number, number>> {
    return this.touches!.ranks(kept)
  }

  times(segments: readonly number[]): Promise<Map<number, number>> {
    return this.touches!.times(segments)
  }

  async readers(kept: readonly number[]): Promise<Map<number, (readonly [Reader, number])[]>> {
    const counts = await this.touches!.readers(kept)
    return new Map(
      [...counts].map(([segment, readers]) => [
        segment,
        [...readers].map(([number, boots]) => [this.who[number]!, boots] as const),
      ]),
    )
  }

  /** Fills the table `who` with all readers of the files, each with a small number of its own. */
  private async numberReaders(): Promise<void> {
    const { database } = this
    const readers = new Readers()
    const extras = new Map<string, bigint>()
    for (const file of new Set(this.files.values())) {
      const schema = schemaOf(file)
      const names = namesQuery(`read_parquet(${literal(file)}, hive_partitioning = false)`, schema)
      for (const row of await database.rows<Record<string, DuckDBValue>>(names)) {
        const extra = schema === 1 ? (row['extra'] as string) : undefined
        const reader =
          extra === undefined
            ? readerOfColumns(row['program'] as string | null, row['unit'] as string | null)
            : readerOfExtra(extra)
        if (reader === undefined) continue
        const number = extra === undefined ? (row['reader'] as bigint) : readerNumber(reader)
        readers.add(number, reader)
        if (extra !== undefined) extras.set(extra, number)
      }
    }
    const numbers = readers.numbers()
    this.who = numbers.map((number) => readers.get(number)!)
    const idOf = new Map(numbers.map((number, id) => [number, id]))
    await database.run('create or replace table who (number bigint, extra varchar, id integer)')
    await database.append(
      'who',
      [BIGINT, VARCHAR, INTEGER],
      [
        [...numbers, ...[...extras].map(() => null)],
        [...numbers.map(() => null), ...extras.keys()],
        [...numbers.map((_, id) => id), ...[...extras.values()].map((number) => idOf.get(number)!)],
      ],
    )
  }

  private async *seen(): AsyncGenerator<SeenReads> {
    for await (const [boot, shape, t, reader] of this.database.columns('select n, id, t, who from seen'))
      yield {
        boot: boot as number[],
        shape: shape as number[],
        t: t as (number | null)[],
        reader: reader as (number | null)[],
      }
  }

  close(): Promise<void> {
    return this.database.close()
  }

  private reads(): string {
    return `read_parquet(${literal(this.sources.reads)}, hive_partitioning = false)`
  }
}

const numberOf = (value: DuckDBValue | undefined): number | null =>
  value === null || value === undefined ? null : Number(value)

/** A row of the table of boots; 64-bit numbers are small ones here. */
export function bootFrom({ filename: _, ...row }: Record<string, DuckDBValue>): BootRow {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
  ) as unknown as BootRow
}
