/** Boots into a fleet's folder: a batch at a time, whole or not at all. */
import type { Trace } from 'bootpack'
import { Database, type DatabaseOptions } from '../duckdb/database.js'
import { TableWriter } from '../duckdb/write-tables.js'
import { bootRow, type BootRow } from '../schema/boot.js'
import { withoutPrivate } from '../schema/privacy.js'
import { NewBatch } from './layout.js'

export interface NewBoot {
  readonly trace: Trace
  readonly image: string
  /** Already hashed. */
  readonly machine?: string | undefined
}

export interface AddOptions extends DatabaseOptions {
  /** Folders whose files are left out. */
  readonly without: readonly string[]
  /** The day of boots that do not tell theirs: YYYY-MM-DD. */
  readonly today: string
  /** Boots a batch has at most; default 500. */
  readonly perBatch?: number
  /** Boots that are there already, by their numbers. */
  readonly known: ReadonlySet<string>
  readonly onBoot?: (added: number) => void
}

export interface Added {
  readonly boots: number
  readonly reads: number
  /** Boots that were there already. */
  readonly known: number
  /** Reads left out because of their folder. */
  readonly private: number
  readonly batches: number
}

/** @throws as `boots` does; batches written until then stay */
export async function addBoots(folder: string, boots: AsyncIterable<NewBoot>, options: AddOptions): Promise<Added> {
  const sums = { boots: 0, reads: 0, known: 0, private: 0, batches: 0 }
  const seen = new Set(options.known)
  const { perBatch = 500 } = options
  let batch: OpenBatch | undefined
  try {
    for await (const { trace: given, image, machine } of boots) {
      const { trace, left } = withoutPrivate(given, options.without)
      const boot = bootRow(trace, { image, machine, place: batch?.writer.count ?? 0, today: options.today })
      if (seen.has(boot.boot_id)) {
        sums.known++
        continue
      }
      seen.add(boot.boot_id)
      batch ??= await openBatch(folder, options)
      await batch.writer.add(boot, trace.reads)
      batch.boots.push(boot)
      sums.boots++
      sums.reads += boot.reads
      sums.private += left
      options.onBoot?.(sums.boots)
      if (batch.boots.length >= perBatch) {
        await finish(batch)
        sums.batches++
        batch = undefined
      }
    }
    if (batch) {
      await finish(batch)
      sums.batches++
      batch = undefined
    }
    return sums
  } finally {
    await batch?.files.discard()
    await batch?.database.close()
  }
}

interface OpenBatch {
  readonly database: Database
  readonly writer: TableWriter
  readonly files: NewBatch
  readonly boots: BootRow[]
}

async function openBatch(folder: string, options: DatabaseOptions): Promise<OpenBatch> {
  const database = await Database.open(options)
  return { database, writer: new TableWriter(database), files: new NewBatch(folder), boots: [] }
}

/** A batch has files for each image and day in it. */
async function finish({ database, writer, files, boots }: OpenBatch): Promise<void> {
  const parts = new Map(boots.map(({ image, day }) => [`${image} ${day}`, { image, day }]))
  for (const { image, day } of parts.values()) {
    const reads = await files.file('reads', image, day)
    const rows = await files.file('boots', image, day)
    await writer.write(reads, rows, (boot) => boot.image === image && boot.day === day)
  }
  await files.commit()
  await database.close()
}
