/**
 * Lists of names for other tools, each file once at its first read. Names are written as the
 * bytes they are on disk; what a format cannot write is left out and counted.
 */
import { deviceNumber } from '../formats/e4rat.js'
import { encodeName } from '../../bytes/file-name.js'
import type { Exported, ListFormat } from './formats.js'
import { listedFiles, type ListedFile } from './listed-files.js'
import type { Trace } from '../model/trace.js'

/** The text of an export, piece by piece. */
export interface ExportText {
  readonly lines: Iterable<Buffer>
  readonly exported: Exported
}

/** overlaybd reads no longer list, and passes over names with other characters without a word. */
const overlaybd = { mostBytes: 65_536, names: /^[A-Za-z0-9_./-]+$/ } as const

export function exportLines(trace: Trace, format: ListFormat): ExportText {
  const { files, skipped } = listedFiles(trace)
  const plain = files.filter(({ directory }) => !directory)
  const folders: Record<string, number> =
    files.length === plain.length ? {} : { directory: files.length - plain.length }
  const withoutFolders = { written: plain.length, skipped: { ...skipped, ...folders } }
  switch (format) {
    case 'list':
      return { lines: lines(files, ({ path }) => encodeName(path)), exported: { written: files.length, skipped } }
    case 'e4rat':
      return { lines: e4ratLines(files), exported: { written: files.length, skipped } }
    case 'squashfs-sort':
      // mksquashfs gives a folder's priority to all that is below it.
      return {
        lines: lines(plain, ({ path }, place) =>
          Buffer.concat([sortName(path), Buffer.from(` ${Math.max(1, 32767 - place)}`)]),
        ),
        exported: withoutFolders,
      }
    case 'nydus':
      return { lines: lines(plain, ({ path }) => encodeName(path)), exported: withoutFolders }
    case 'overlaybd':
      return overlaybdList(plain, withoutFolders.skipped)
    case 'tar-order':
      return tarOrder(files, skipped)
    case 'estargz':
      return asText(plain, withoutFolders.skipped, (names) =>
        names.map(({ path }) => `${JSON.stringify({ path: path.replace(/^\/+/, '') })}\n`),
      )
    case 'soci':
      return asText(plain, withoutFolders.skipped, (names) => [`${JSON.stringify(names.map(({ path }) => path))}\n`])
    case 'nydus-optimize':
      return asText(plain, withoutFolders.skipped, (names) => [`${JSON.stringify(optimizeList(names))}\n`])
  }
}

function e4ratLines(files: readonly ListedFile[]): Iterable<Buffer> {
  // e4rat tells by the first byte which of the two forms the whole file has.
  const known = files.every(({ ino, dev }) => ino !== undefined && dev !== undefined)
  return lines(files, ({ path, ino, dev }) =>
    known ? Buffer.concat([Buffer.from(`${deviceNumber(dev!)} ${ino} `), encodeName(path)]) : encodeName(path),
  )
}

/** mksquashfs takes names below its source folder, and a backslash before what it would take for a separator or a comment. */
const sortName = (path: string): Buffer => encodeName(path.replace(/^\/+/, '').replace(/[\s\\#]/g, '\\$&'))

function overlaybdList(files: readonly ListedFile[], skipped: Readonly<Record<string, number>>): ExportText {
  const fitting = files.filter(({ path }) => overlaybd.names.test(path))
  const kept: ListedFile[] = []
  let bytes = 0
  for (const file of fitting) {
    bytes += file.path.length + 1
    if (bytes > overlaybd.mostBytes) break
    kept.push(file)
  }
  const left: Record<string, number> = { ...skipped }
  if (fitting.length < files.length) left['unwritable-name'] = files.length - fitting.length
  if (kept.length < fitting.length) left['over-64-kib'] = fitting.length - kept.length
  return { lines: lines(kept, ({ path }) => Buffer.from(path)), exported: { written: kept.length, skipped: left } }
}

/**
 * Names for `tar --null --no-recursion -T`, which writes them in this order: makers of filesystems
 * that take a tar stream (mke2fs -d, mkfs.erofs --tar) lay files out as they come. A folder comes
 * before what is in it, and names are relative to the root.
 */
function tarOrder(files: readonly ListedFile[], skipped: Readonly<Record<string, number>>): ExportText {
  const names = new Set<string>()
  for (const { path } of files) {
    const parts = path.split('/').filter((part) => part !== '' && part !== '.' && part !== '..')
    for (let depth = 1; depth <= parts.length; depth++) names.add(`./${parts.slice(0, depth).join('/')}`)
  }
  const end = Buffer.from([0])
  return {
    lines: [...names].map((name) => Buffer.concat([encodeName(name), end])),
    exported: { written: names.size, skipped },
  }
}

/** Formats of JSON: names that are no UTF-8 cannot be in them. */
function asText(
  files: readonly ListedFile[],
  skipped: Readonly<Record<string, number>>,
  text: (files: readonly ListedFile[]) => readonly string[],
): ExportText {
  const named = files.filter(({ path }) => Buffer.from(path).toString() === path)
  const left = named.length < files.length ? { ...skipped, 'unwritable-name': files.length - named.length } : skipped
  return {
    lines: text(named).map((line) => Buffer.from(line)),
    exported: { written: named.length, skipped: left },
  }
}

/** nydusify's list of what to fetch first: parts of files as [offset, size]; a file read to its end is named whole. */
const optimizeList = (files: readonly ListedFile[]): object => ({
  version: 'v1',
  files: files.map(({ path, ranges }) => ({
    path,
    ...(ranges.some(({ to }) => to === Infinity) ? {} : { ranges: ranges.map(({ from, to }) => [from, to - from]) }),
  })),
})

function* lines(files: readonly ListedFile[], text: (file: ListedFile, place: number) => Buffer): Generator<Buffer> {
  const newline = Buffer.from('\n')
  for (const [place, file] of files.entries()) yield Buffer.concat([text(file, place), newline])
}
