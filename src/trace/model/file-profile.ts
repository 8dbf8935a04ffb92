import { unionOf, type ByteRange } from './byte-ranges.js'
import { isDeviceRead, rangeOf, type ReadIdentity } from './read-identity.js'
import type { TraceRead } from './trace.js'

/** What a trace reads of one file (or tree, or of the device). */
export interface FileProfile {
  readonly key: string
  readonly path: string | undefined
  readonly ino: number | undefined
  /** Whether this stands for bytes of the device that no file was given. */
  readonly device: boolean
  /** Place in the order of first reads, from 0. */
  readonly rank: number
  readonly first: number | undefined
  readonly reads: number
  readonly ranges: readonly ByteRange[]
}

/** Per file, in order of first read. */
export function fileProfiles(reads: Iterable<TraceRead>, identity: ReadIdentity): Map<string, FileProfile> {
  const found = new Map<
    string,
    { read: TraceRead; path: string | undefined; ino: number | undefined; reads: number; ranges: ByteRange[] }
  >()
  for (const read of reads) {
    const key = identity(read)
    let profile = found.get(key)
    if (!profile) found.set(key, (profile = { read, path: undefined, ino: undefined, reads: 0, ranges: [] }))
    profile.path ??= read.path
    profile.ino ??= read.ino
    profile.reads++
    const range = rangeOf(read)
    const last = profile.ranges.at(-1)
    // Most reads go on where the last one ended.
    if (last && last.to === range.from) profile.ranges[profile.ranges.length - 1] = { from: last.from, to: range.to }
    else profile.ranges.push(range)
  }
  const profiles = new Map<string, FileProfile>()
  for (const [key, { read, path, ino, reads: count, ranges }] of found) {
    const device = isDeviceRead(read)
    profiles.set(key, {
      key,
      path: device ? undefined : path,
      ino: device ? undefined : ino,
      device,
      rank: profiles.size,
      first: read.t,
      reads: count,
      ranges: unionOf(ranges),
    })
  }
  return profiles
}
