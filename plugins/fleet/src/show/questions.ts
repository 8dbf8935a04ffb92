/**
 * What people ask of a fleet, as SQL over `chosen` (boot_id, machine_id, image, day, duration)
 * and the reads: DuckDB's, over the files of a folder.
 */
import type { Database } from '../duckdb/database.js'
import { literal } from '../duckdb/database.js'
import type { Sources } from '../duckdb/engine.js'
import { decodeText } from '../schema/text.js'

export interface ImageRow {
  readonly image: string
  readonly boots: number
  readonly machines: number
  readonly from: string
  readonly to: string
  readonly reads: number
  /** Median, microseconds to the last read. */
  readonly duration: number | null
}

/** How many bytes which share of the boots reads. */
export interface SupportBand {
  readonly from: number
  readonly to: number
  readonly files: number
  readonly bytes: number
}

export interface SupportedFile {
  readonly path: string
  readonly share: number
  readonly bytes: number
}

export interface DriftedFile {
  readonly path: string
  readonly before: number
  readonly after: number
  readonly bytes: number
}

export interface SlowMachine {
  readonly machine: string
  readonly boots: number
  /** Median, microseconds. */
  readonly duration: number
  /** Of the fleet's median. */
  readonly times: number
  readonly alone: readonly SupportedFile[]
}

const boots = ({ boots: files }: Sources): string => `read_parquet(${literal(files)}, hive_partitioning = false)`
const reads = ({ reads: files }: Sources): string => `read_parquet(${literal(files)}, hive_partitioning = false)`

export async function images(database: Database, sources: Sources): Promise<ImageRow[]> {
  const rows = await database.rows<Record<keyof ImageRow, string | number | bigint | null>>(
    `select image, count(*)::integer as boots, count(distinct machine_id)::integer as machines,
       min(day) as "from", max(day) as "to", sum(reads)::double as reads, median(duration) as duration
     from (select distinct on (boot_id) * from ${boots(sources)}) group by image order by image`,
  )
  return rows as unknown as ImageRow[]
}

/** A file's bytes, and the share of some boots that reads any of it. */
const fileShares = (sources: Sources, where: string): string => `
  with chosen as (select distinct boot_id from ${boots(sources)} where ${where}),
  per_boot as (
    select r.path, r.boot_id, sum(r.len)::double as bytes
    from ${reads(sources)} r join chosen using (boot_id) where r.path is not null group by all
  )
  select path, count(*) / (select count(*) from chosen) as share, coalesce(max(bytes), 0) as bytes
  from per_boot group by path`

const imageIs = (image: string): string => `image = ${literal(image)}`

export async function support(
  database: Database,
  sources: Sources,
  image: string,
): Promise<{ bands: SupportBand[]; files: SupportedFile[] }> {
  const files = (
    await database.rows<SupportedFile>(`${fileShares(sources, imageIs(image))} order by share desc, bytes desc, path`)
  ).map(named)
  const edges = [0, 0.1, 0.5, 0.9, 1]
  const bands = edges.slice(0, -1).map((from, i): SupportBand => {
    const to = edges[i + 1]!
    const within = files.filter(({ share }) => share > from && share <= to)
    return { from, to, files: within.length, bytes: within.reduce((sum, { bytes }) => sum + bytes, 0) }
  })
  return { bands: bands.reverse(), files }
}

/** Files that another share of the boots reads than before, by the bytes that makes. */
export async function drift(
  database: Database,
  sources: Sources,
  before: string,
  after: string,
): Promise<DriftedFile[]> {
  const rows = await database.rows<DriftedFile>(
    `select coalesce(b.path, a.path) as path, coalesce(b.share, 0) as before, coalesce(a.share, 0) as after,
       greatest(coalesce(b.bytes, 0), coalesce(a.bytes, 0)) as bytes
     from (${fileShares(sources, before)}) b full join (${fileShares(sources, after)}) a using (path)
     where abs(coalesce(b.share, 0) - coalesce(a.share, 0)) >= 0.05
     order by abs(coalesce(b.share, 0) - coalesce(a.share, 0)) * greatest(coalesce(b.bytes, 0), coalesce(a.bytes, 0)) desc, path`,
  )
  return rows.map(named)
}

/** Machines whose boots take half as long again as the fleet's, and files that they read and others do not. */
export async function slow(database: Database, sources: Sources, image: string): Promise<SlowMachine[]> {
  const machines = await database.rows<{ machine: string; boots: number; duration: number; times: number }>(
    `with b as (select distinct on (boot_id) * from ${boots(sources)} where ${imageIs(image)})
     select machine_id as machine, count(*)::integer as boots, median(duration) as duration,
       median(duration) / (select median(duration) from b) as times
     from b where machine_id is not null and duration is not null
     group by machine_id having median(duration) >= 1.5 * (select median(duration) from b)
     order by duration desc, machine limit 20`,
  )
  const found: SlowMachine[] = []
  for (const machine of machines) {
    const own = `${imageIs(image)} and machine_id = ${literal(machine.machine)}`
    const others = `${imageIs(image)} and (machine_id is null or machine_id <> ${literal(machine.machine)})`
    const alone = await database.rows<SupportedFile>(
      `select own.path, own.share, own.bytes from (${fileShares(sources, own)}) own
       left join (${fileShares(sources, others)}) others using (path)
       where own.share >= 0.5 and coalesce(others.share, 0) < 0.1
       order by own.bytes desc, own.path limit 10`,
    )
    found.push({ ...machine, alone: alone.map(named) })
  }
  return found
}

const named = <T extends { readonly path: string }>(row: T): T => ({ ...row, path: decodeText(row.path) })
