/** A fleet as bootpack wrote it before reads had columns for who reads: in `extra`, with fields nobody knows. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Database, literal } from '../../src/duckdb/database.js'
import { newReadColumns } from '../../src/schema/columns.js'
import { decodeText } from '../../src/schema/text.js'

/** The row's `extra` in schema 1. */
export function extra1(program: string | null, unit: string | null, extra: string | null): string | null {
  const rest = {
    ...(program === null ? {} : { by: decodeText(program) }),
    ...(unit === null ? {} : { unit: decodeText(unit) }),
    ...(extra === null ? {} : (JSON.parse(extra) as object)),
  }
  return Object.keys(rest).length === 0 ? null : JSON.stringify(rest)
}

/** Turns the batches of a folder, which are of schema 2, into those of schema 1. */
export async function asSchema1(folder: string): Promise<void> {
  const database = await Database.open()
  try {
    for (const table of ['reads', 'boots'] as const)
      for (const name of readdirSync(join(folder, table, 'schema=2'), { recursive: true }) as string[]) {
        if (!name.endsWith('.parquet')) continue
        const file = join(folder, table, 'schema=2', name)
        const target = file.replace('/schema=2/', '/schema=1/')
        mkdirSync(dirname(target), { recursive: true })
        if (table === 'boots')
          await database.run(
            `copy (select * from read_parquet(${literal(file)}, hive_partitioning = false)) to ${literal(target)} (format parquet)`,
          )
        else await reads1(database, file, target)
      }
    for (const table of ['reads', 'boots']) rmSync(join(folder, table, 'schema=2'), { recursive: true })
  } finally {
    await database.close()
  }
}

/** A file of `trace export --to parquet` as schema 1 had it. */
export async function archive1(file: string, target: string): Promise<void> {
  const database = await Database.open()
  try {
    const footer = await database.rows<{ key: string; value: string }>(
      `select decode(key) as key, decode(value) as value from parquet_kv_metadata(${literal(file)})`,
    )
    const boots = footer.find(({ key }) => key === 'bootpack_boots')!.value
    await reads1(database, file, target, `, kv_metadata {bootpack_schema: '1', bootpack_boots: ${literal(boots)}}`)
  } finally {
    await database.close()
  }
}

async function reads1(database: Database, file: string, target: string, footer = ''): Promise<void> {
  const from = `read_parquet(${literal(file)}, hive_partitioning = false)`
  const distinct = await database.rows<Record<'program' | 'unit' | 'extra', string | null>>(
    `select distinct program, unit, extra from ${from}`,
  )
  await database.run('create or replace table old (program varchar, unit varchar, extra varchar, was varchar)')
  for (const { program, unit, extra } of distinct)
    await database.run('insert into old values ($program, $unit, $extra, $was)', {
      program,
      unit,
      extra,
      was: extra1(program, unit, extra),
    })
  await database.run(
    `copy (select r.* exclude (${newReadColumns.join(', ')}) replace (o.was as extra) from ${from} r join old o
       on r.program is not distinct from o.program and r.unit is not distinct from o.unit and r.extra is not distinct from o.extra
       order by boot_id, seq) to ${literal(target)} (format parquet${footer})`,
  )
}
