/** The queries of a merge in the SQL of those who run them: the same questions. */
import { bootColumns, newReadColumns, readColumns, schemaVersion, type Column } from '../schema/columns.js'
import * as clickhouse from './clickhouse.js'
import * as duckdb from './duckdb.js'

export const dialects = ['duckdb', 'clickhouse', 'trino', 'spark'] as const

export type Dialect = (typeof dialects)[number]

export interface NamedQuery {
  readonly name: string
  readonly says: string
  readonly sql: string
}

export interface QueryOptions {
  readonly setup?: boolean
  /** Instead, the statements that bring tables of schema 1 to this one. */
  readonly upgrade?: boolean
  readonly cluster?: string | undefined
  /** What the names of the tables begin with. */
  readonly tables: string
}

/** The support and the part of boots that the printed queries show. */
const shown = { least: 500, from: 0, to: 1000 }

const says = {
  shapes:
    'distinct reads, and where each is first seen; from these the segments are cut, table cover (shape, first, last)',
  touch: 'which boot touches which segment, and when first',
  support: `segments that at least ${shown.least} boots touch; kept (sid)`,
  ranks: 'how often a kept segment has which place in a boot; histograms add up, and their medians are the order',
  readers: 'in how many boots who reads a kept segment first; the most frequent one reads it in the profile',
  names: 'which program and unit a number is',
  times: 'when the first segments of runs are read; head (sid)',
} as const

export function queriesOf(
  dialect: Dialect,
  { setup = false, upgrade = false, cluster, tables }: QueryOptions,
): NamedQuery[] {
  if (upgrade) return upgradeOf(dialect, tables, cluster)
  if (setup) return setupOf(dialect, tables, cluster)
  const named = (queries: Readonly<Record<keyof typeof says, string>>): NamedQuery[] =>
    (Object.keys(says) as (keyof typeof says)[]).map((name) => ({ name, says: says[name], sql: queries[name] }))
  const reads = `${tables}reads`
  const { least, from, to } = shown
  switch (dialect) {
    case 'duckdb':
      return named({
        shapes: duckdb.shapesQuery(reads),
        touch: duckdb.touchQuery(reads, from, to),
        support: duckdb.supportQuery(least),
        ranks: duckdb.ranksQuery(from, to),
        readers: duckdb.readersQuery,
        names: duckdb.namesQuery(reads, schemaVersion),
        times: duckdb.timesQuery,
      })
    case 'clickhouse':
      return named({
        shapes: clickhouse.shapesQuery(reads, 'boot'),
        touch: clickhouse.touchQuery(
          { reads, boot: 'boot', cover: 'cover', touch: 'touch' },
          `n >= ${from} and n < ${to}`,
        ),
        support: clickhouse.supportQuery('touch', least),
        ranks: clickhouse.ranksQuery('touch', 'kept', `n >= ${from} and n < ${to}`),
        readers: clickhouse.readersQuery('touch', 'kept'),
        names: clickhouse.namesQuery(reads, 'boot', true),
        times: clickhouse.timesQuery('touch', 'head'),
      })
    case 'trino':
      return named(standard(reads, trino))
    case 'spark':
      return named(standard(reads, spark))
  }
}

/** Where Trino and Spark differ. */
interface Words {
  /** A row for each number from `first` to before `last`. */
  readonly unnest: string
  readonly earliest: string
  /** The time of the first touch, told or not. */
  readonly firstTime: string
  readonly median: string
  /** Who touched first, told or not. */
  readonly firstReader: string
}

const trino: Words = {
  unnest: 'cross join unnest(sequence(c."first", c."last" - 1)) as s (sid)',
  earliest: "min(b.n * bigint '4294967296' + r.seq)",
  firstTime: 'element_at(array_agg(r.t order by r.seq), 1)',
  median: 'array_sort(array_agg(t))',
  firstReader: 'element_at(array_agg(r.reader order by r.seq), 1)',
}

const spark: Words = {
  unnest: 'lateral view explode(sequence(c.first, c.last - 1)) s as sid',
  earliest: 'min(b.n * 4294967296 + r.seq)',
  firstTime: "sort_array(collect_list(struct(r.seq, coalesce(r.t, double('NaN')))))[0].col2",
  median: 'percentile(t, 0.5)',
  firstReader: 'sort_array(collect_list(struct(r.seq, r.reader)))[0].reader',
}

function standard(reads: string, words: Words): Record<keyof typeof says, string> {
  const { least } = shown
  return {
    shapes: `select r.ino, r.path, r.kind, r.what, r.dev, r.off, r.len, r.shape, ${words.earliest} as first_seen
from ${reads} r join boot b on r.boot_id = b.boot_id
group by r.ino, r.path, r.kind, r.what, r.dev, r.off, r.len, r.shape`,
    touch: `insert into touch
select b.n, s.sid, min(r.seq) as seq, ${words.firstTime} as t, ${words.firstReader} as reader
from ${reads} r join boot b on r.boot_id = b.boot_id join cover c on r.shape = c.shape
${words.unnest}
group by b.n, s.sid`,
    support: `select sid, count(*) as n from touch group by sid having count(*) >= ${least}`,
    ranks: `select sid, r, count(*) as n
from (
  select touch.sid, row_number() over (partition by n order by seq, touch.sid) - 1 as r
  from touch join kept on touch.sid = kept.sid
) ranked
group by sid, r`,
    readers: `select touch.sid, touch.reader, count(*) as n
from touch join kept on touch.sid = kept.sid
where touch.reader is not null
group by touch.sid, touch.reader`,
    names: `select distinct reader, program, unit from ${reads} where reader is not null`,
    times: `select touch.sid, ${words.median} as t
from touch join head on touch.sid = head.sid
where t is not null${words === spark ? ' and not isnan(t)' : ''}
group by touch.sid`,
  }
}

const types: Readonly<Record<Exclude<Dialect, 'clickhouse'>, Readonly<Record<Column['duckdb'], string>>>> = {
  duckdb: { VARCHAR: 'VARCHAR', INTEGER: 'INTEGER', BIGINT: 'BIGINT', DOUBLE: 'DOUBLE' },
  trino: { VARCHAR: 'varchar', INTEGER: 'integer', BIGINT: 'bigint', DOUBLE: 'double' },
  spark: { VARCHAR: 'string', INTEGER: 'int', BIGINT: 'bigint', DOUBLE: 'double' },
}

function setupOf(dialect: Dialect, tables: string, cluster: string | undefined): NamedQuery[] {
  if (dialect === 'clickhouse')
    return clickhouse.setupStatements(tables, cluster).map((sql, place) => ({
      name: `setup-${place}`,
      says: cluster === undefined ? 'a table' : 'a table; to be run on every server of the cluster',
      sql,
    }))
  return [
    { name: 'reads', columns: readColumns },
    { name: 'boots', columns: bootColumns },
  ].map(({ name, columns }) => ({
    name: `setup-${name}`,
    says: `the table of ${name}; its files: ${name}/schema=${schemaVersion}/image=*/day=*/*.parquet`,
    sql: `create table ${tables}${name} (${columns.map((column) => `${column.name} ${types[dialect][column.duckdb]}`).join(', ')})`,
  }))
}

function upgradeOf(dialect: Dialect, tables: string, cluster: string | undefined): NamedQuery[] {
  const says = `columns of schema ${schemaVersion}`
  if (dialect === 'clickhouse')
    return clickhouse.upgradeStatements(tables, cluster).map((sql, place) => ({ name: `upgrade-${place}`, says, sql }))
  return readColumns
    .filter(({ name }) => newReadColumns.includes(name))
    .map(({ name, duckdb: type }) => ({
      name: `upgrade-${name}`,
      says,
      sql: `alter table ${tables}reads add ${dialect === 'spark' ? 'columns (' : 'column '}${name} ${types[dialect][type]}${dialect === 'spark' ? ')' : ''}`,
    }))
}
