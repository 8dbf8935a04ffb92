/**
 * Which reads of several boots are reads of the same thing. Inode numbers change
 * when a file is replaced, so a path tells first; an inode alone is known by its
 * number, or by its path where some read of these traces names both and no other
 * path has the number.
 */
import type { ByteRange } from './byte-ranges.js'
import type { TraceRead } from './trace.js'

/**
 * The key of what a read's `off` counts in: a file's bytes, an inode's own tree or
 * attribute blocks, the inode itself, or a device.
 */
export type ReadIdentity = (read: TraceRead) => string

export function readIdentity(traces: Iterable<Iterable<TraceRead>>): ReadIdentity {
  const paths = new Map<number, string | undefined>()
  for (const reads of traces) {
    for (const { ino, path } of reads) {
      if (ino === undefined || path === undefined) continue
      // Two names for one number (links, a number used again) tell nothing.
      paths.set(ino, paths.has(ino) && paths.get(ino) !== path ? undefined : path)
    }
  }
  return (read) => {
    if (isDeviceRead(read)) return `device ${read.dev ?? ''}`
    const path = read.path ?? paths.get(read.ino!)
    return `${read.kind === 'metadata' ? read.what! : 'file'} ${path ?? `#${read.ino}`}`
  }
}

/** Whether `off` counts from the start of the device. */
export const isDeviceRead = ({ kind, what, ino, path }: TraceRead): boolean =>
  kind === 'metadata' &&
  ((what !== 'tree' && what !== 'xattr' && what !== 'inode') || (ino === undefined && path === undefined))

export const rangeOf = ({ off, len }: TraceRead): ByteRange => ({
  from: off,
  to: len === undefined ? Infinity : off + len,
})
