/** From names of files to boots of a fleet. */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BootpackError, readTrace, type Trace } from 'bootpack'
import { expandPatterns } from 'bootpack/cli'
import { refused, usageError } from 'bootpack/engine'
import { escapePath } from 'bootpack/text'
import { machineHash } from '../schema/boot.js'
import { privateFolders } from '../schema/privacy.js'
import { addBoots, type Added, type AddOptions, type NewBoot } from '../store/add.js'
import { checkImageName, holdsBoots, patternOf } from '../store/layout.js'
import { openServer, type EngineChoice } from './engine-flags.js'

export interface AddTracesOptions extends EngineChoice {
  readonly image?: string | undefined
  readonly machine?: string | undefined
  readonly exclude?: readonly string[] | undefined
  readonly 'keep-private'?: boolean
  readonly batch: number
  readonly signal: AbortSignal
  readonly onBoot: (done: number, total: number) => void
}

interface Failure {
  readonly file: string
  readonly reason: string
}

/**
 * @param folder of the fleet; undefined for servers
 * @throws usage for patterns that match nothing or a bad name of an image; what writing throws
 */
export async function addTraces(
  folder: string | undefined,
  patterns: readonly string[],
  options: AddTracesOptions,
): Promise<Added & { failed: Failure[] }> {
  if (options.image !== undefined) checkImageName(options.image)
  const files = await expandPatterns([...patterns])
  const failed: Failure[] = []
  const boots = readBoots(files, options, await machineKey(folder), failed)
  const adding: AddOptions = {
    without: [...(options['keep-private'] ? [] : privateFolders), ...(options.exclude ?? [])],
    today: new Date().toISOString().slice(0, 10),
    perBatch: options.batch,
    known: new Set(),
    onBoot: (done) => options.onBoot(done, files.length),
  }
  if (folder !== undefined)
    return { ...(await addBoots(folder, boots, { ...adding, known: await knownBoots(folder) })), failed }
  const { addToServer } = await import('../clickhouse/add.js')
  const server = await openServer(options)
  try {
    const known = new Set((await server.rows(`select boot_id from ${options.tables}boots`)).map(([id]) => id!))
    return { ...(await addToServer(server, options.tables, boots, { ...adding, known })), failed }
  } finally {
    await server.close()
  }
}

/** A trace that cannot be read is told and left out: one broken file of ten thousand stops nobody. */
async function* readBoots(
  files: readonly string[],
  { image, machine, signal }: AddTracesOptions,
  key: Buffer,
  failed: Failure[],
): AsyncGenerator<NewBoot> {
  for (const file of files) {
    if (signal.aborted) return
    try {
      const trace = await readTrace(file)
      const name = machine ?? told(trace, 'machine')
      yield { trace, image: imageOf(trace, image), machine: name === undefined ? undefined : machineHash(name, key) }
    } catch (error) {
      if (!(error instanceof BootpackError)) throw error
      failed.push({ file: escapePath(file), reason: error.message })
    }
  }
}

function imageOf(trace: Trace, given: string | undefined): string {
  const image = given ?? told(trace, 'image') ?? told(trace, 'resolved')
  if (image !== undefined) return checkImageName(image)
  throw usageError('no-image', 'It does not say which image was booted.', 'Name it: --image ID')
}

const told = ({ header }: Trace, field: string): string | undefined => {
  const value = header[field]
  return typeof value === 'string' ? value : undefined
}

/**
 * The key of the fleet's machine names: in its folder, made when it is first needed. With servers it is the
 * user's; without one, machines of this run are known from nobody else's.
 */
async function machineKey(folder: string | undefined): Promise<Buffer> {
  if (folder === undefined) {
    const given = process.env['BOOTPACK_FLEET_KEY']
    return given === undefined ? randomBytes(32) : Buffer.from(given)
  }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'machine.key')
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(`${randomBytes(32).toString('hex')}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const key = (await readFile(path, 'utf8')).trim()
  if (!/^[0-9a-f]{64}$/.test(key))
    throw refused(
      'no-machine-key',
      `${escapePath(path)} holds no key.`,
      'Put it back from where it was kept, or take the file away to begin anew.',
    )
  return Buffer.from(key, 'hex')
}

async function knownBoots(folder: string): Promise<Set<string>> {
  if (!holdsBoots(folder)) return new Set()
  const { Database, literal } = await import('../duckdb/database.js')
  const database = await Database.open()
  try {
    const rows = await database.rows<{ boot_id: string }>(
      `select distinct boot_id from read_parquet(${literal(patternOf(folder, 'boots'))}, hive_partitioning = false)`,
    )
    return new Set(rows.map(({ boot_id }) => boot_id))
  } finally {
    await database.close()
  }
}
