/** From names of files to boots of a fleet. */
import { BootpackError, readTrace, type Trace } from 'bootpack'
import { expandPatterns } from 'bootpack/cli'
import { usageError } from 'bootpack/engine'
import { escapePath } from 'bootpack/text'
import { machineHash } from '../schema/boot.js'
import { privateFolders } from '../schema/privacy.js'
import { machineKey } from '../store/machine-key.js'
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
