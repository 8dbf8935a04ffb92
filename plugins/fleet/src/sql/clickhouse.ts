/**
 * The queries in ClickHouse's SQL, in forms that 18.16 (Debian's) and current versions both
 * take: no window functions, one join a query, no name given twice; `all` joins, since `any`
 * means something else now, and what is joined has a name. `reads` may be a
 * Distributed table: a boot lies wholly on one server, so what is grouped by boot is done
 * where it lies, and only segments travel.
 */
import { bootColumns, newReadColumns, readColumns, type Column } from '../schema/columns.js'

/** Stands for a time that is not told: aggregate functions leave out what is null. */
export const noTime = -1e308

const definition = (columns: readonly Column[]): string =>
  columns.map(({ name, clickhouse }) => `${name} ${clickhouse}`).join(', ')

/** Statements that make the tables; with `cluster`, to be run on every server of it. */
export function setupStatements(prefix: string, cluster?: string): string[] {
  const tables = [
    { name: `${prefix}reads`, columns: readColumns, order: '(boot_id, seq)' },
    { name: `${prefix}boots`, columns: bootColumns, order: '(image, boot_id)' },
  ]
  return tables.flatMap(({ name, columns, order }) => {
    const local = cluster === undefined ? name : `${name}_local`
    const made = `create table if not exists ${local} (${definition(columns)}) engine = MergeTree order by ${order}`
    return cluster === undefined
      ? [made]
      : [
          made,
          `create table if not exists ${name} (${definition(columns)}) ` +
            `engine = Distributed(${cluster}, currentDatabase(), ${local}, sipHash64(boot_id))`,
        ]
  })
}

/** Statements that give tables of schema 1 the columns of schema 2; 18.16 knows no `if not exists` here. */
export function upgradeStatements(prefix: string, cluster?: string): string[] {
  const tables = cluster === undefined ? [`${prefix}reads`] : [`${prefix}reads_local`, `${prefix}reads`]
  const added = readColumns.filter(({ name }) => newReadColumns.includes(name))
  return tables.map(
    (table) =>
      `alter table ${table} ${added.map(({ name, clickhouse }) => `add column ${name} ${clickhouse}`).join(', ')}`,
  )
}

/** Distinct reads, and where each is first seen: (place of the boot << 32) + place in it. */
export const shapesQuery = (reads: string, boot: string): string => `
select ino, path, kind, what, dev, off, len, shape, min(n * 4294967296 + seq) as first
from ${reads} global all inner join (select boot_id, n from ${boot}) chosen using (boot_id)
group by ino, path, kind, what, dev, off, len, shape`

/**
 * The number of who reads, 0 where nobody is told. Rows that schema 1 left have no number, and what else they tell
 * in `extra`, hashed here and never stored.
 */
const whoReads = (numbered: boolean): string =>
  numbered ? 'ifNull(reader, ifNull(toInt64(sipHash64(extra)), 0))' : 'ifNull(toInt64(sipHash64(extra)), 0)'

/** Names of the readers of some boots. @param numbered whether the table has columns for them */
export const namesQuery = (reads: string, boot: string, numbered: boolean): string => `
select number, any(of_program), any(of_unit), any(of_extra)
from (
  select ${whoReads(numbered)} as number, ${
    numbered
      ? 'program as of_program, unit as of_unit, if(isNull(reader), extra, null) as of_extra'
      : 'null as of_program, null as of_unit, extra as of_extra'
  }
  from ${reads} where boot_id global in (select boot_id from ${boot})
) where number != 0
group by number`

/**
 * Which boot touches which segment, when first: a row for each pair.
 * @param portion chooses boots by n: a server groups all that is asked for at once in memory
 * @param numbered whether the table has columns for who reads
 */
export const touchQuery = (
  { reads, boot, cover, touch }: Readonly<Record<'reads' | 'boot' | 'cover' | 'touch', string>>,
  portion: string,
  numbered = true,
): string => `
insert into ${touch}
select n, sid, place as seq, first_t as t, who as reader
from (
  select boot_id, arrayJoin(arrayMap(x -> toUInt32(first + x), range(toUInt32(last - first)))) as sid, min(seq) as place, argMin(ifNull(t, ${noTime}), seq) as first_t, argMin(${whoReads(numbered)}, seq) as who
  from ${reads} global all inner join (select shape, first, last from ${cover}) covered using (shape)
  where boot_id global in (select boot_id from ${boot} where ${portion})
  group by boot_id, sid
) touched all inner join (select boot_id, n from ${boot}) chosen using (boot_id)`

export const supportQuery = (touch: string, least: number): string => `
select sid, count() as n from ${touch} group by sid having n >= ${least}`

/** Histograms of ranks: each boot's kept segments sorted by when they came, and counted through. */
export const ranksQuery = (touch: string, kept: string, portion: string): string => `
select bitAnd(place, 4294967295) as segment, r - 1 as rank, count() as boots
from (
  select n, arraySort(groupArray(bitOr(bitShiftLeft(toUInt64(seq), 32), toUInt64(sid)))) as places
  from ${touch} where sid in (select sid from ${kept}) and ${portion}
  group by n
)
array join places as place, arrayEnumerate(places) as r
group by segment, rank`

/** In how many boots who reads a segment first; these add up over servers and days. */
export const readersQuery = (touch: string, kept: string): string => `
select sid, reader, count() as n
from ${touch} where reader != 0 and sid in (select sid from ${kept})
group by sid, reader`

/** The middle value, of two the mean. */
export const timesQuery = (touch: string, head: string): string => `
select sid, (sorted[intDiv(length(sorted) + 1, 2)] + sorted[intDiv(length(sorted) + 2, 2)]) / 2 as middle
from (
  select sid, arraySort(groupArray(t)) as sorted
  from ${touch} where t > ${noTime / 10} and sid in (select sid from ${head})
  group by sid
)`
