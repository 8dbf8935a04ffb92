/**
 * A fleet's folder: immutable batches of boots, for any engine that reads Parquet.
 *
 *     reads/schema=2/image=IMAGE/day=YYYY-MM-DD/BATCH.parquet
 *     boots/schema=2/image=IMAGE/day=YYYY-MM-DD/BATCH.parquet
 *     .adding/…                 what is being written
 *
 * A batch has a name nobody else has, its files are written aside and renamed, the reads
 * before the boots. So several may add at once, and whoever is stopped in the middle leaves
 * reads that no boot claims: a boot counts when its row is there.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { usageError } from 'bootpack/engine'
import { readableSchemas, schemaVersion } from '../schema/columns.js'

export type TableName = 'reads' | 'boots'

/** What a part of a path can be: an image's name is one, and part of a pattern. */
const plain = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

/** @throws usage for a name that cannot be part of a path everywhere */
export function checkImageName(image: string): string {
  if (plain.test(image)) return image
  throw usageError(
    'bad-image-name',
    `The image name ${JSON.stringify(image)} cannot be the name of a folder.`,
    'Take letters, digits, dots, underscores and dashes, such as router-2026.11.',
  )
}

export const partOf = (table: TableName, image: string, day: string): string =>
  join(table, `schema=${schemaVersion}`, `image=${image}`, `day=${day}`)

/** The files of a table as a pattern for SQL engines, of every schema that is read; without `image`, of all images. */
export const patternOf = (folder: string, table: TableName, image?: string): string =>
  join(folder, table, `schema=[${readableSchemas.join('')}]`, `image=${image ?? '*'}`, 'day=*', '*.parquet')

/** The schema of a file of a fleet. */
export const schemaOf = (file: string): number =>
  Number(/\/schema=(\d+)\/image=[^/]*\/day=[^/]*\/[^/]*$/.exec(file)?.[1] ?? schemaVersion)

/** Whether boots were added to a folder: who was stopped may have left folders without files. */
export const holdsBoots = (folder: string): boolean =>
  readableSchemas.some((schema) => {
    const boots = join(folder, 'boots', `schema=${schema}`)
    return (
      existsSync(boots) && readdirSync(boots, { recursive: true }).some((name) => String(name).endsWith('.parquet'))
    )
  })

/** The file of a batch's reads, from the one of its boots. */
export const readsBeside = (boots: string): string =>
  boots.replace(/(^|\/)boots(\/schema=\d+\/image=[^/]*\/day=[^/]*\/[^/]*)$/, '$1reads$2')

/** One batch being written. */
export class NewBatch {
  readonly name = randomBytes(8).toString('hex')
  private readonly aside: string
  private readonly written: { readonly from: string; readonly to: string; readonly table: TableName }[] = []

  private readonly folder: string

  constructor(folder: string) {
    this.folder = folder
    this.aside = join(folder, '.adding', this.name)
  }

  /** Where to write a file that will be part of the batch. */
  async file(table: TableName, image: string, day: string): Promise<string> {
    await mkdir(this.aside, { recursive: true, mode: 0o700 })
    const from = join(this.aside, `${table}.${image}.${day}.parquet`)
    this.written.push({ from, to: join(this.folder, partOf(table, image, day), `${this.name}.parquet`), table })
    return from
  }

  /** Makes everything written part of the fleet: all reads, then the boots. */
  async commit(): Promise<void> {
    for (const table of ['reads', 'boots'] as const)
      for (const { from, to } of this.written.filter((each) => each.table === table)) {
        await mkdir(dirname(to), { recursive: true, mode: 0o700 })
        await flush(from, true)
        await rename(from, to)
        await flush(dirname(to))
      }
    await this.discard()
  }

  /** Takes away what was not committed. */
  async discard(): Promise<void> {
    await rm(this.aside, { recursive: true, force: true })
  }
}

/** @param own the database makes files as the umask says; names of files read are nobody else's business */
async function flush(path: string, own = false): Promise<void> {
  const file = await open(path, 'r')
  try {
    if (own) await file.chmod(0o600)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** @throws usage when there is no fleet in `folder` */
export function needFleet(folder: string): void {
  if (holdsBoots(folder)) return
  throw usageError(
    'no-fleet',
    `${JSON.stringify(folder)} holds no boots.`,
    `Add some: bootpack fleet add ${folder} --image IMAGE boots/*.trace`,
  )
}
