/**
 * Reads as rows and back. Fields that have no column of their own go into `extra`, as does a
 * number that does not fit its column, so that a round trip loses nothing.
 */
import type { ReadKind, TraceRead } from 'bootpack/types'
import { readerNumber, readerOf } from './reader.js'
import { decodeText, encodeText } from './text.js'

/** A row of the table of reads, less what says where it stands. */
export interface ReadRow {
  readonly t: number | null
  readonly ino: number | null
  readonly path: string | null
  readonly off: number
  readonly len: number | null
  readonly kind: string
  readonly what: string | null
  readonly dev: string | null
  readonly program: string | null
  readonly unit: string | null
  readonly reader: bigint | null
  readonly extra: string | null
}

/** As rows are read: who reads is told by its names. */
export type FoundRow = Omit<ReadRow, 'reader'>

export function toRow({ t, ino, path, off, len, kind, what, dev, by, unit, ...rest }: TraceRead): ReadRow {
  const reader = readerOf(by, unit)
  return {
    t: t ?? null,
    ino: ino ?? null,
    path: path === undefined ? null : encodeText(path),
    off,
    len: len ?? null,
    kind,
    what: what === undefined ? null : encodeText(what),
    dev: dev === undefined ? null : encodeText(dev),
    program: by === undefined ? null : encodeText(by),
    unit: unit === undefined ? null : encodeText(unit),
    reader: reader === undefined ? null : readerNumber(reader),
    extra: Object.keys(rest).length === 0 ? null : JSON.stringify(rest),
  }
}

/** Fields in the order in which bootpack's recorders write them; those of schema 1 have who reads in `extra`. */
export function fromRow(row: FoundRow): TraceRead {
  return {
    ...(row.t === null ? {} : { t: row.t }),
    ...(row.ino === null ? {} : { ino: row.ino }),
    ...(row.path === null ? {} : { path: decodeText(row.path) }),
    off: row.off,
    ...(row.len === null ? {} : { len: row.len }),
    kind: row.kind as ReadKind,
    ...(row.what === null ? {} : { what: decodeText(row.what) as NonNullable<TraceRead['what']> }),
    ...(row.dev === null ? {} : { dev: decodeText(row.dev) }),
    ...(row.program === null ? {} : { by: decodeText(row.program) }),
    ...(row.unit === null ? {} : { unit: decodeText(row.unit) }),
    ...(row.extra === null ? {} : (JSON.parse(row.extra) as object)),
  }
}
