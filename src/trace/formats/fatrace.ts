import { decimal, scanned, skipSpaces } from './scan.js'
import { decodeName } from '../../bytes/file-name.js'
import { PathPlacer } from './path-text.js'
import { WallClock } from './wall-clock.js'
import type { TraceFormat } from './format.js'
import type { Reader } from '../model/trace.js'

const event =
  /^(?:\d\d:\d\d:\d\d(?:\.\d+)? |\d+\.\d+ )?.{0,16}?\(\d+\)(?: \[\d+:\d+\])?: [A-Z+<>]{1,8} +(?:\/|device \d+:\d+ inode \d+$)/
const deviceAndInode = /^device (\d+):(\d+) inode (\d+)$/

const mostReaders = 100_000

/** Longest command name with its process, its user and group, in front of the types. */
const longestFront = 80

const isType = (byte: number): boolean => (byte >= 65 && byte <= 90) || byte === 43 || byte === 60 || byte === 62

/**
 * Where the types begin: after `(9978): ` or `(9978) [0:0]: `. The command may hold
 * parentheses of its own.
 */
function findTypes(bytes: Buffer, start: number, end: number): number {
  const last = Math.min(end, start + longestFront)
  for (let at = start; at < last; at++) {
    if (bytes[at] !== 40 || !decimal(bytes, at + 1, end) || bytes[scanned.end] !== 41) continue
    let after = scanned.end + 1
    if (
      bytes[after] === 32 &&
      bytes[after + 1] === 91 &&
      decimal(bytes, after + 2, end) &&
      bytes[scanned.end] === 58 &&
      decimal(bytes, scanned.end + 1, end) &&
      bytes[scanned.end] === 93
    )
      after = scanned.end + 1
    if (bytes[after] === 58 && bytes[after + 1] === 32 && after + 2 < end && isType(bytes[after + 2]!)) return after + 2
  }
  return -1
}

/**
 * fatrace, with or without `-t`, `-tt`, `-u`:
 *
 *     10:03:10.473554 cat(9978): RO  /etc/ld.so.cache
 *
 * R read, O opened, C closed, W written, + created, D deleted, < and > moved. The
 * first R or O of a file counts and means the whole of it.
 */
export const fatrace: TraceFormat = {
  name: 'fatrace',
  title: 'output of fatrace',
  recognises: (line) => event.test(line),
  parser(out, options) {
    const placer = new PathPlacer(options, true)
    const clock = new WallClock()
    const readers = new Map<string, Reader>()
    const readerNamed = (by: string): Reader | undefined => {
      let reader = readers.get(by)
      // Of one name the same object: reads of one program are joined by it.
      if (!reader && by !== '' && readers.size < mostReaders) readers.set(by, (reader = { by }))
      return reader
    }
    return {
      line(bytes, start, end) {
        if (start === end) return true
        const t = clock.read(bytes, start, end)
        const front = skipSpaces(bytes, scanned.end, end)
        const types = findTypes(bytes, front, end)
        if (types < 0) return false
        let touched = false
        let at = types
        for (; at < end && isType(bytes[at]!); at++) touched ||= bytes[at] === 82 || bytes[at] === 79
        if (bytes[at] !== 32) return false
        const name = decodeName(bytes, skipSpaces(bytes, at, end), end)
        if (!touched) {
          out.drop('not-a-read')
          return true
        }
        out.reader = readerNamed(decodeName(bytes, front, bytes.lastIndexOf(40, types)))
        const device = name.startsWith('device ') ? deviceAndInode.exec(name) : null
        if (device) {
          if (Number(device[3]) === 0 || device[3]!.length > 15) return false
          out.whole(out.named('', Number(device[3]), `${device[1]}:${device[2]}`), t)
          return true
        }
        if (!name.startsWith('/')) return false
        const placed = placer.place(name)
        if (!placed) return false
        if ('dropped' in placed) out.drop(placed.dropped)
        else out.whole(out.named(placed.path), t)
        return true
      },
    }
  },
}
