import type { ReaderKind, ReaderShare } from '../trace/model/reader-shares.js'
import { escapePath } from '../text/escape-path.js'
import { shorten, table } from '../text/table.js'
import { bytes, count } from '../text/units.js'

/** Who read how much, for people. */
export function readerTable(readers: readonly ReaderShare[], kind: ReaderKind): string {
  if (readers.every(({ name }) => name === undefined)) return `The trace does not know which ${kind} read.`
  const inodes = readers.some((reader) => reader.inodes > 0)
  const timed = readers.some(({ first }) => first !== undefined)
  return table(
    [kind, ...(timed ? ['from', 'to'] : []), 'reads', 'files', ...(inodes ? ['inodes'] : []), 'read'],
    readers.map(({ name, first, last, reads, files, inodes: loaded, bytes: size, toEnd }) => [
      name === undefined ? '(not known)' : shorten(escapePath(name), inodes ? 30 : 38),
      ...(timed ? [seconds(first), seconds(last)] : []),
      count(reads),
      count(files),
      ...(inodes ? [count(loaded)] : []),
      toEnd > 0 && size === 0 ? 'to end' : bytes(size),
    ]),
  )
}

const seconds = (micros: number | undefined): string => (micros === undefined ? '' : (micros / 1e6).toFixed(1))
