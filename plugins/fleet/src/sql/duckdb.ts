/**
 * The queries in DuckDB's SQL. `boot` (n, boot_id) are the chosen boots in their order,
 * `cover` (shape, first, last) says which segments a distinct read covers.
 */

/** Distinct reads, and where each is first seen: the boot's place, then the place in the boot. */
export const shapesQuery = (reads: string): string => `
select r.ino, r.path, r.kind, r.what, r.dev, r.off, r.len, r.shape,
  min({'boot': b.n, 'seq': r.seq}) as first
from ${reads} r join boot b using (boot_id)
group by all`

/**
 * The reads of a file as numbers, in the order of each boot: what is counted in columns outside (merge/touches.ts).
 * `who` (number, extra, id) numbers the readers; schema 1 tells them in `extra` only.
 */
export const seenQuery = (file: string, schema: number): string => `
insert into seen
select b.n, c.id, r.t, w.id
from read_parquet(${file}, hive_partitioning = false) r
join (select * from boot where file = ${file}) b using (boot_id) join cover c using (shape)
left join who w on ${schema === 1 ? 'r.extra = w.extra' : 'r.reader = w.number'}
order by b.n, r.seq`

/** The readers of a file, by number or, in schema 1, by what else is told of reads. */
export const namesQuery = (reads: string, schema: number): string =>
  schema === 1
    ? `
select distinct extra from ${reads} where extra is not null`
    : `
select distinct reader, program, unit from ${reads} where reader is not null`

/** Which boot touches which segment, when first: a row for each pair. */
export const touchQuery = (reads: string, from: number, to: number): string => `
insert into touch
select n, sid, min(seq) as seq, arg_min_null(t, seq) as t, arg_min_null(reader, seq) as reader
from (
  select b.n, r.seq, r.t, r.reader, unnest(range(c.first, c.last))::integer as sid
  from ${reads} r join boot b using (boot_id) join cover c using (shape)
  where b.n >= ${from} and b.n < ${to}
)
group by n, sid`

export const supportQuery = (least: number): string => `
select sid, count(*)::integer as n from touch group by sid having count(*) >= ${least}`

/** Histograms of ranks; they add up over days and servers. */
export const ranksQuery = (from: number, to: number): string => `
insert into ranked
select sid, r, count(*)::integer as n
from (
  select sid, (row_number() over (partition by n order by seq, sid) - 1)::integer as r
  from touch join kept using (sid)
  where n >= ${from} and n < ${to}
)
group by sid, r`

/** In how many boots who reads a segment first; these add up, too. */
export const readersQuery = `
select sid, reader, count(*)::integer as n from touch join kept using (sid) where reader is not null group by sid, reader`

export const timesQuery = `
select sid, median(t) as t from touch join head using (sid) where t is not null group by sid`
