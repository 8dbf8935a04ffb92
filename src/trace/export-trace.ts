/**
 * Traces out, for other tools. Their formats know whole files only, so each file
 * appears once, at its first read. Names are written as the bytes they are on disk;
 * what a format cannot write is left out and counted.
 */
import { writeAtomically } from '../files/atomic-file.js'
import { deviceNumber } from './formats/e4rat.js'
import { encodeName } from '../bytes/file-name.js'
import { outputError, writeTrace, type WriteTraceOptions } from './write-trace.js'
import type { Trace } from './model/trace.js'

export const exportFormats = ['native', 'list', 'e4rat', 'squashfs-sort'] as const

export type ExportFormat = (typeof exportFormats)[number]

export interface Exported {
  /** Lines, or reads for the native format. */
  readonly written: number
  /** Files left out, by reason. */
  readonly skipped: Readonly<Record<string, number>>
}

interface ListedFile {
  readonly path: string
  readonly ino: number | undefined
  readonly dev: string | undefined
  readonly directory: boolean
}

/** Files in order of first read, each once, and what could not be listed. */
function listedFiles({ header, reads }: Trace): { files: ListedFile[]; skipped: Record<string, number> } {
  const root = header.root !== undefined && /^\d+:\d+$/.test(header.root) ? header.root : undefined
  const files = new Map<string, ListedFile>()
  const unnamed = new Set<number>()
  let metadata = 0
  const unwritable = new Set<string>()
  for (const { path, ino, dev, kind } of reads) {
    if (kind === 'metadata') metadata++
    else if (path === undefined) unnamed.add(ino!)
    else if (/[\n\r]/.test(path)) unwritable.add(path)
    else if (!files.has(path)) files.set(path, { path, ino, dev: dev ?? root, directory: kind === 'directory' })
  }
  const skipped: Record<string, number> = {}
  if (metadata > 0) skipped['metadata-read'] = metadata
  if (unnamed.size > 0) skipped['no-path'] = unnamed.size
  if (unwritable.size > 0) skipped['line-break-in-name'] = unwritable.size
  return { files: [...files.values()], skipped }
}

/** The text of an export, line by line, for every format but the native one. */
export function exportLines(
  trace: Trace,
  format: Exclude<ExportFormat, 'native'>,
): { lines: Iterable<Buffer>; exported: Exported } {
  const { files, skipped } = listedFiles(trace)
  const exported = { written: files.length, skipped }
  switch (format) {
    case 'list':
      return { lines: lines(files, ({ path }) => encodeName(path)), exported }
    case 'e4rat': {
      // e4rat tells by the first byte which of the two forms the whole file has.
      const known = files.every(({ ino, dev }) => ino !== undefined && dev !== undefined)
      return {
        lines: lines(files, ({ path, ino, dev }) =>
          known ? Buffer.concat([Buffer.from(`${deviceNumber(dev!)} ${ino} `), encodeName(path)]) : encodeName(path),
        ),
        exported,
      }
    }
    case 'squashfs-sort': {
      // mksquashfs gives a folder's priority to all that is below it.
      const sorted = files.filter(({ directory }) => !directory)
      const directories = files.length - sorted.length
      return {
        lines: lines(sorted, ({ path }, place) =>
          Buffer.concat([sortName(path), Buffer.from(` ${Math.max(1, 32767 - place)}`)]),
        ),
        exported: {
          written: sorted.length,
          skipped: directories === 0 ? skipped : { ...skipped, directory: directories },
        },
      }
    }
  }
}

/** mksquashfs takes names below its source folder, and a backslash before what it would take for a separator or a comment. */
const sortName = (path: string): Buffer => encodeName(path.replace(/^\/+/, '').replace(/[\s\\#]/g, '\\$&'))

function* lines(files: readonly ListedFile[], text: (file: ListedFile, place: number) => Buffer): Generator<Buffer> {
  const newline = Buffer.from('\n')
  for (const [place, file] of files.entries()) yield Buffer.concat([text(file, place), newline])
}

/**
 * Writes a trace in the format of another tool, whole or not at all.
 * @param target a path, or '-' for standard output
 * @throws as writeAtomically does
 */
export async function exportTrace(
  trace: Trace,
  format: ExportFormat,
  target: string,
  options: WriteTraceOptions = {},
): Promise<Exported> {
  if (format === 'native') {
    await writeTrace(target, trace, options)
    return { written: trace.reads.length, skipped: {} }
  }
  const { lines: text, exported } = exportLines(trace, format)
  const bytes = Buffer.concat([...text])
  if (target === '-') await writeOut(bytes)
  else await writeAtomically(target, format, (file) => file.writeFile(bytes))
  return exported
}

const writeOut = (bytes: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error ? reject(outputError(error)) : resolve()))
  })
