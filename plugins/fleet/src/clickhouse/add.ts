import type { Trace } from 'bootpack'
import { bootRow, type BootRow } from '../schema/boot.js'
import { bootColumns, readColumns } from '../schema/columns.js'
import { withoutPrivate } from '../schema/privacy.js'
import { toRow } from '../schema/read-rows.js'
import { shapeKey, shapeNumber } from '../schema/shape.js'
import type { Added, AddOptions, NewBoot } from '../store/add.js'
import type { Server } from './server.js'
import { needReaders } from './tables.js'

/**
 * Boots into the tables of a server, a batch at a time: the reads, and when they are there the boots, which
 * make them count. Stopped in between, reads of no boot stay, and adding again is safe.
 */
export async function addToServer(
  server: Server,
  prefix: string,
  boots: AsyncIterable<NewBoot>,
  options: AddOptions,
): Promise<Added> {
  const sums = { boots: 0, reads: 0, known: 0, private: 0, batches: 0 }
  await needReaders(server, prefix)
  const seen = new Set(options.known)
  const { perBatch = 500 } = options
  let batch: { readonly row: BootRow; readonly trace: Trace }[] = []
  const finish = async (): Promise<void> => {
    if (batch.length === 0) return
    await server.insert(
      `${prefix}reads`,
      readRows(batch),
      readColumns.map(({ name }) => name),
    )
    await server.insert(
      `${prefix}boots`,
      batch.map(({ row }) => bootColumns.map(({ name }) => row[name as keyof BootRow])),
    )
    sums.batches++
    batch = []
  }
  for await (const { trace: given, image, machine } of boots) {
    const { trace, left } = withoutPrivate(given, options.without)
    const row = bootRow(trace, { image, machine, place: batch.length, today: options.today })
    if (seen.has(row.boot_id)) {
      sums.known++
      continue
    }
    seen.add(row.boot_id)
    batch.push({ row, trace })
    sums.boots++
    sums.reads += row.reads
    sums.private += left
    options.onBoot?.(sums.boots)
    if (batch.length >= perBatch) await finish()
  }
  await finish()
  return sums
}

function* readRows(
  batch: readonly { readonly row: BootRow; readonly trace: Trace }[],
): Generator<(string | number | bigint | null)[]> {
  const numbers = new Map<string, bigint>()
  for (const { row, trace } of batch)
    for (const [seq, read] of trace.reads.entries()) {
      const key = shapeKey(read)
      let shape = numbers.get(key)
      if (shape === undefined) numbers.set(key, (shape = shapeNumber(key)))
      const values: Readonly<Record<string, string | number | bigint | null>> = {
        boot_id: row.boot_id,
        seq,
        shape,
        ...toRow(read),
      }
      yield readColumns.map(({ name }) => values[name] ?? null)
    }
}
