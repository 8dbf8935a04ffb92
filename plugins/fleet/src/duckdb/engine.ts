/** The embedded engine: Parquet files in, answers out, whatever does not fit into memory on the disk. */
import { BIGINT, INTEGER, VARCHAR, type DuckDBValue } from '@duckdb/node-api'
import type { Cover, FleetEngine, Selection, ShapeRow } from '../merge/engine.js'
import type { BootRow } from '../schema/boot.js'
import { fromRow, type ReadRow } from '../schema/read-rows.js'
import { Touches, type SeenReads } from '../merge/touches.js'
import { seenQuery, shapesQuery } from '../sql/duckdb.js'
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
        const row: ReadRow = {
          t: null,
          ino: numberOf(ino![i]),
          path: path![i] as string | null,
          off: Number(off![i]),
          len: numberOf(len![i]),
          kind: kind![i] as string,
          what: what![i] as string | null,
          dev: dev![i] as string | null,
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
    await database.run('create or replace table seen (n integer, id integer, t double)')
    for (const file of new Set(this.files.values())) await database.run(seenQuery(literal(file)))
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

  private async *seen(): AsyncGenerator<SeenReads> {
    for await (const [boot, shape, t] of this.database.columns('select n, id, t from seen'))
      yield { boot: boot as number[], shape: shape as number[], t: t as (number | null)[] }
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
