/**
 * The list a boot reads: lines of printable ASCII, for a shell that has nothing but its
 * own words, cat and dd. Everything the script counts with is a decimal number, and a
 * path is the rest of its line; one with other bytes in it is written in octal, as
 * `printf %b` takes it, and its kind in a capital.
 *
 *     bootpack-preload 1
 *     uuid UUID \00…       the filesystem this is for, and its bytes other than 0: a shell cannot hold those
 *     # …                  for people and for `preload show`
 *     d SKIP COUNT         units of 32 KiB of the device
 *     f KIB FIRST PATH     a whole file; FIRST is where its first block lay
 *     p KIB FIRST SKIP COUNT PATH   a part of one, in units of 4 KiB
 *     end LINES            of the whole list, this one included
 */
import { decodeName, encodeName } from '../bytes/file-name.js'
import { BootpackError, usageError } from '../errors.js'
import { partUnit } from './file-parts.js'
import { marker } from './marker.js'
import { deviceUnit, type Sweep } from './prefetch-plan.js'

const magic = 'bootpack-preload 1'

/** Longer lists are not read at boot. */
export const mostListBytes = 1 << 20

export interface ListedFile {
  readonly path: string
  /** Block its first read block lay in when the list was made. */
  readonly first: number
  readonly kib: number
  /** In units of 4 KiB; undefined for a whole file. */
  readonly part?: { readonly skip: number; readonly count: number }
}

export interface PreloadList {
  readonly uuid: string
  /** In units of 32 KiB of the device. */
  readonly ranges: readonly { readonly skip: number; readonly count: number }[]
  readonly files: readonly ListedFile[]
  /** What comments say, without the number sign. */
  readonly notes: readonly string[]
}

export function listOf(sweep: Sweep, uuid: string, notes: readonly string[] = []): PreloadList {
  const { blockSize } = sweep
  return {
    uuid,
    notes,
    ranges: sweep.metadata.map(({ start, length }) => {
      const skip = Math.floor((start * blockSize) / deviceUnit)
      return { skip, count: Math.ceil(((start + length) * blockSize) / deviceUnit) - skip }
    }),
    files: sweep.files.flatMap(({ path, first, bytes, parts }): ListedFile[] =>
      parts
        ? parts.map(({ offset, length }) => ({
            path,
            first,
            kib: Math.ceil(length / 1024),
            part: { skip: offset / partUnit, count: length / partUnit },
          }))
        : [{ path, first, kib: Math.ceil(bytes / 1024) }],
    ),
  }
}

/** @throws usage when a boot would not read it because of its length */
export function listText({ uuid, ranges, files, notes }: PreloadList): string {
  const lines = [magic, `uuid ${uuid} ${octalUuid(uuid)}`, marker, ...notes.map((note) => `# ${note}`)]
  for (const { skip, count } of ranges) lines.push(`d ${skip} ${count}`)
  for (const { path, first, kib, part } of files) {
    const bytes = encodeName(path)
    const plain = bytes.every((byte) => byte >= 0x20 && byte < 0x7f)
    const kind = part ? 'p' : 'f'
    lines.push(
      `${plain ? kind : kind.toUpperCase()} ${kib} ${first} ${part ? `${part.skip} ${part.count} ` : ''}${plain ? path : octal(bytes)}`,
    )
  }
  lines.push(`end ${lines.length + 1}`)
  const text = `${lines.join('\n')}\n`
  if (text.length > mostListBytes) {
    throw usageError(
      'list-too-long',
      `The list of what to read has ${text.length} bytes; a boot reads no more than ${mostListBytes}.`,
      'Give fewer files in the trace, or a smaller --most-bytes.',
    )
  }
  return text
}

/** @throws corrupt naming the line */
export function parseList(text: string): PreloadList {
  const lines = text.split('\n')
  const bad = (line: number, problem: string): BootpackError =>
    new BootpackError(
      'corrupt',
      'bad-preload-list',
      `The list of what to read in advance is damaged in line ${line}: ${problem}.`,
      { next: 'Install it again: bootpack preload install TARGET --trace T.', structure: 'preload list', number: line },
    )
  if (lines[0] !== magic) throw bad(1, `it does not begin with "${magic}"`)
  if (lines.at(-1) !== '' || lines.at(-2) !== `end ${lines.length - 1}`) throw bad(lines.length, 'its end is missing')
  const uuid = /^uuid ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) /.exec(lines[1]!)?.[1]
  if (uuid === undefined || lines[1] !== `uuid ${uuid} ${octalUuid(uuid)}`) throw bad(2, 'no uuid')
  const ranges: { skip: number; count: number }[] = []
  const files: ListedFile[] = []
  const notes: string[] = []
  for (const [i, line] of lines.slice(2, -2).entries()) {
    const range = /^d (\d{1,9}) (\d{1,9})$/.exec(line)
    const file = /^([fF]) (\d{1,9}) (\d+) (.+)$/.exec(line)
    const part = /^([pP]) (\d{1,9}) (\d+) (\d{1,9}) (\d{1,9}) (.+)$/.exec(line)
    if (range) ranges.push({ skip: Number(range[1]), count: Number(range[2]) })
    else if (file) files.push({ path: pathOf(file[4]!, file[1] === 'F'), first: Number(file[3]), kib: Number(file[2]) })
    else if (part) {
      files.push({
        path: pathOf(part[6]!, part[1] === 'P'),
        first: Number(part[3]),
        kib: Number(part[2]),
        part: { skip: Number(part[4]), count: Number(part[5]) },
      })
    } else if (line === marker) continue
    else if (line.startsWith('# ')) notes.push(line.slice(2))
    else throw bad(i + 3, 'it is of no known kind')
  }
  return { uuid, ranges, files, notes }
}

const octal = (bytes: Iterable<number>): string =>
  [...bytes].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('')

const octalUuid = (uuid: string): string =>
  octal(Buffer.from(uuid.replaceAll('-', ''), 'hex').filter((byte) => byte !== 0))

const bytesOf = (text: string): Buffer =>
  Buffer.from([...text.matchAll(/\\0([0-7]{3})/g)].map(([, digits]) => Number.parseInt(digits!, 8)))

const pathOf = (text: string, escaped: boolean): string => (escaped ? decodeName(bytesOf(text)) : text)
