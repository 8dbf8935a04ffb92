/**
 * Files that hold many traces, which plugins read and write: Parquet by plugins/fleet. A
 * plugin answers the hook `bootpack-trace-archives` with what it knows; it is asked only
 * when somebody wants one.
 */
import type { Config } from '@oclif/core'
import { closeSync, openSync, readSync } from 'node:fs'
import { BootpackError } from '../../errors.js'
import { escapePath } from '../../text/escape-path.js'
import type { Trace } from '../../trace/model/trace.js'

export interface WrittenArchive {
  readonly boots: number
  readonly reads: number
  /** Reads left out because their files are people's own. */
  readonly left: number
}

export interface TraceArchive {
  /** As in `trace export --to`. */
  readonly name: string
  /** The first bytes of its files. */
  readonly magic: string
  /** Folders whose files are left out unless somebody asks for them. */
  readonly privateFolders: readonly string[]
  /** Writes a new file, whole or not at all. */
  write(target: string, traces: AsyncIterable<Trace>, without: readonly string[]): Promise<WrittenArchive>
  /** The traces of a file in the order they were written. */
  read(path: string): AsyncIterable<Trace>
}

/** Archives that plugins may bring: name, first bytes, and which plugin. */
const known = [{ name: 'parquet', magic: 'PAR1', plugin: '@bootpack/plugin-fleet' }] as const

export const archiveNames = known.map(({ name }) => name)

export const isArchive = (name: string): name is (typeof archiveNames)[number] =>
  archiveNames.some((each) => each === name)

/** The kind of archive a file is, told by its first bytes; undefined for anything else. */
export function archiveKind(path: string): string | undefined {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    // Whoever reads it says what is wrong with it.
    return undefined
  }
  try {
    const head = Buffer.alloc(8)
    const got = readSync(fd, head, 0, 8, null)
    return known.find(({ magic }) => head.toString('latin1', 0, Math.min(got, magic.length)) === magic)?.name
  } catch {
    return undefined
  } finally {
    closeSync(fd)
  }
}

/** @throws unsupported when the plugin that knows them is not installed */
export async function openArchive(name: string, config: Config): Promise<TraceArchive> {
  const { successes } = await config.runHook('bootpack-trace-archives', {})
  const found = successes.flatMap(({ result }) => result as TraceArchive[]).find((each) => each.name === name)
  if (found) return found
  const plugin = known.find((each) => each.name === name)?.plugin ?? 'a plugin'
  throw new BootpackError(
    'unsupported',
    'no-archive-plugin',
    `${escapePath(name)} is read and written by ${plugin}, which is not installed.`,
    {
      next: 'Install it beside bootpack (docs/fleet.md), or take another format.',
    },
  )
}
