import { unionOf, type ByteRange } from '../model/byte-ranges.js'
import { rangeOf } from '../model/read-identity.js'
import type { Trace } from '../model/trace.js'

export interface ListedFile {
  readonly path: string
  readonly ino: number | undefined
  readonly dev: string | undefined
  readonly directory: boolean
  /** Bytes read of it, sorted; one to Infinity for a read to its end. */
  readonly ranges: readonly ByteRange[]
}

export interface Listed {
  readonly files: readonly ListedFile[]
  /** What cannot be in a list of names, by reason. */
  readonly skipped: Readonly<Record<string, number>>
}

/** Files in order of first read, each once, and what could not be listed. */
export function listedFiles({ header, reads }: Trace): Listed {
  const root = header.root !== undefined && /^\d+:\d+$/.test(header.root) ? header.root : undefined
  const files = new Map<string, Omit<ListedFile, 'ranges'> & { ranges: ByteRange[] }>()
  const unnamed = new Set<number>()
  let metadata = 0
  const unwritable = new Set<string>()
  for (const read of reads) {
    const { path, ino, dev, kind } = read
    if (kind === 'metadata') metadata++
    else if (path === undefined) unnamed.add(ino!)
    else if (/[\n\r]/.test(path)) unwritable.add(path)
    else {
      const file = files.get(path)
      if (file) file.ranges.push(rangeOf(read))
      else files.set(path, { path, ino, dev: dev ?? root, directory: kind === 'directory', ranges: [rangeOf(read)] })
    }
  }
  const skipped: Record<string, number> = {}
  if (metadata > 0) skipped['metadata-read'] = metadata
  if (unnamed.size > 0) skipped['no-path'] = unnamed.size
  if (unwritable.size > 0) skipped['line-break-in-name'] = unwritable.size
  return { files: [...files.values()].map((file) => ({ ...file, ranges: unionOf(file.ranges) })), skipped }
}
