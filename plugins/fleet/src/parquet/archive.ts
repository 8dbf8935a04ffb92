/** Many traces in one Parquet file: the table of reads, and the boots as JSON in its footer. */
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { open } from 'node:fs/promises'
import type { Trace } from 'bootpack'
import { refuseOther, type TraceArchive, type WrittenArchive } from 'bootpack/cli'
import { corrupt } from 'bootpack/engine'
import type { TraceHeader } from 'bootpack/types'
import type { BootRow } from '../schema/boot.js'
import { newReadColumns, readableSchemas, readColumns } from '../schema/columns.js'
import { privateFolders, withoutPrivate } from '../schema/privacy.js'
import { fromRow, type FoundRow } from '../schema/read-rows.js'

export const parquetArchive: TraceArchive = { name: 'parquet', magic: 'PAR1', privateFolders, write, read }

async function write(
  target: string,
  traces: AsyncIterable<Trace>,
  without: readonly string[],
): Promise<WrittenArchive> {
  const [{ Database }, { TableWriter }, { bootRow }] = await Promise.all([
    import('../duckdb/database.js'),
    import('../duckdb/write-tables.js'),
    import('../schema/boot.js'),
  ])
  await refuseOther(target, 'parquet')
  const aside = await mkdtemp(join(dirname(target), '.bootpack-parquet-'))
  const database = await Database.open()
  try {
    const writer = new TableWriter(database)
    const today = new Date().toISOString().slice(0, 10)
    const sums = { boots: 0, reads: 0, left: 0 }
    const seen = new Set<string>()
    for await (const given of traces) {
      const { trace, left } = withoutPrivate(given, without)
      const boot = bootRow(trace, { image: '', place: sums.boots, today })
      // The same trace twice is one boot, here as in a fleet.
      if (seen.has(boot.boot_id)) continue
      seen.add(boot.boot_id)
      await writer.add(boot, trace.reads)
      sums.boots++
      sums.reads += trace.reads.length
      sums.left += left
    }
    const file = join(aside, basename(target))
    await writer.write(file)
    const permissions = (await refuseOther(target, 'parquet')) ?? 0o600
    await flushed(file, permissions)
    await rename(file, target)
    return sums
  } finally {
    await database.close()
    await rm(aside, { recursive: true, force: true })
  }
}

/** The database makes files as the umask says; names of files read are nobody else's business. */
async function flushed(path: string, permissions: number): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.chmod(permissions)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function* read(path: string): AsyncGenerator<Trace> {
  const [{ Database, literal }, { footerKeys }] = await Promise.all([
    import('../duckdb/database.js'),
    import('../duckdb/write-tables.js'),
  ])
  const database = await Database.open()
  try {
    const file = literal(path)
    const footer = new Map(
      (
        await database
          .rows<{ key: string; value: string }>(
            `select decode(key) as key, decode(value) as value from parquet_kv_metadata(${file})`,
          )
          .catch((cause: unknown) => {
            throw corrupt('Parquet file', 0, `cannot be read: ${(cause as Error).message.split('\n')[0]!}`, again)
          })
      ).map(({ key, value }) => [key, value]),
    )
    const schema = Number(footer.get(footerKeys.schema))
    if (!readableSchemas.includes(schema))
      throw corrupt('Parquet file', 0, `is not of bootpack's schemas ${readableSchemas.join(' and ')}`, again)
    const boots = JSON.parse(footer.get(footerKeys.boots) ?? '[]') as BootRow[]
    const columns = readColumns
      .map(({ name }) => name)
      .filter((name) => !notOfReads.has(name))
      .map((name) => (schema === 1 && newReadColumns.includes(name) ? `null as ${name}` : name))
    for (const { boot_id, header, bad } of boots) {
      const rows = await database.rows<Record<keyof FoundRow, unknown>>(
        `select ${columns.join(', ')} from read_parquet(${file}) where boot_id = $id order by seq`,
        { id: boot_id },
      )
      yield {
        header: JSON.parse(header) as TraceHeader,
        reads: rows.map((row) => fromRow(plain(row))),
        bad: { count: bad, examples: [] },
      }
    }
  } finally {
    await database.close()
  }
}

/** Columns that a trace does not have. */
const notOfReads: ReadonlySet<string> = new Set(['boot_id', 'seq', 'shape', 'reader'])

const again = 'Export the traces again: bootpack trace export --to parquet.'

/** 64-bit columns come as bigint; here they are bytes and inode numbers, which fit. */
const plain = (row: Record<keyof FoundRow, unknown>): FoundRow =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
  ) as unknown as FoundRow
