/** What each program, or each unit, reads. */
import type { Trace, TraceRead } from './trace.js'

export const readerKinds = ['program', 'unit'] as const
export type ReaderKind = (typeof readerKinds)[number]

export interface ReaderShare {
  /** Absent for reads of which it is not known. */
  readonly name?: string
  readonly reads: number
  /** Distinct files, by path or inode. */
  readonly files: number
  /** Of files and of the device, as far as lengths are known. */
  readonly bytes: number
  /** Files read to their end, wherever that is. */
  readonly toEnd: number
  /** Inodes loaded. */
  readonly inodes: number
  /** Microseconds; absent where the trace has no times. */
  readonly first?: number
  readonly last?: number
}

interface Sums {
  reads: number
  bytes: number
  toEnd: number
  inodes: number
  first: number
  last: number
  readonly files: Set<string | number>
}

/** Those that read most bytes first. */
export function readerShares({ reads }: Pick<Trace, 'reads'>, kind: ReaderKind): ReaderShare[] {
  const found = new Map<string | undefined, Sums>()
  for (const read of reads) {
    const name = kind === 'unit' ? read.unit : read.by
    let sums = found.get(name)
    if (!sums) {
      sums = { reads: 0, bytes: 0, toEnd: 0, inodes: 0, first: Infinity, last: -Infinity, files: new Set() }
      found.set(name, sums)
    }
    add(sums, read)
  }
  return [...found]
    .map(([name, { files, first, last, ...sums }]) => ({
      ...(name !== undefined && { name }),
      ...sums,
      files: files.size,
      ...(first <= last && { first, last }),
    }))
    .sort((a, b) => b.bytes - a.bytes || b.reads - a.reads)
}

function add(sums: Sums, { t, ino, path, len, kind, what }: TraceRead): void {
  sums.reads++
  if (t !== undefined) {
    sums.first = Math.min(sums.first, t)
    sums.last = Math.max(sums.last, t)
  }
  if (what === 'inode') {
    sums.inodes++
    return
  }
  const file = path ?? ino
  if (kind !== 'metadata' && file !== undefined) sums.files.add(file)
  if (len === undefined) sums.toEnd++
  else sums.bytes += len
}
