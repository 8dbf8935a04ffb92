import { decimal, find, scanned, seconds, standsAt } from './scan.js'
import { decodeName } from '../../bytes/file-name.js'
import { decodeOctal, PathPlacer } from './path-text.js'
import type { TraceFormat } from './format.js'

const pidField = Buffer.from(' pid=')
const inoField = Buffer.from(' ino=')
const sizeField = Buffer.from(' size=')

/** Whether one of the letters tells of a read: opened, opened to be run, read. */
function touches(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === 79 || bytes[i] === 88 || bytes[i] === 82) return true
  return false
}

/**
 * A log of fanotify events on one filesystem, one per line:
 *
 *     2.219119 OX pid=1 ino=11250 size=92544 /usr/lib/systemd/systemd
 *
 * Seconds since boot; O opened, X opened to be run, R read. fanotify does not say
 * which bytes, and a file that is mapped shows only its opening, so the first event
 * of a file counts and means the whole of it.
 */
export const fanotify: TraceFormat = {
  name: 'fanotify',
  title: 'a log of fanotify events (time, O X R, pid, inode, size, path)',
  recognises: (line) => /^\d+\.\d+ [A-Z]+ pid=\d+ ino=\d+ size=/.test(line),
  parser(out, options) {
    const placer = new PathPlacer(options)
    return {
      line(bytes, start, end) {
        if (start === end) return true
        if (!seconds(bytes, start, end)) return false
        const t = scanned.value
        const flags = scanned.end + 1
        const afterFlags = find(bytes, flags, end, pidField)
        if (afterFlags < 0) return false
        const ino = find(bytes, afterFlags, end, inoField)
        if (ino < 0 || !decimal(bytes, ino + inoField.length, end)) return false
        const inode = scanned.value
        if (!standsAt(bytes, scanned.end, end, sizeField)) return false
        const negative = bytes[scanned.end + sizeField.length] === 45
        if (!decimal(bytes, scanned.end + sizeField.length + (negative ? 1 : 0), end)) return false
        const size = negative ? -scanned.value : scanned.value
        const path = scanned.end + 1
        if (path >= end || bytes[path - 1] !== 32) return false

        if (!touches(bytes, flags, afterFlags)) {
          out.drop('not-a-read')
        } else if (size === 0) {
          out.drop('empty')
        } else if (inode > 0) {
          let name = decodeOctal(decodeName(bytes, path, end))
          // What /proc/self/fd says of a name that is no more; the inode still tells.
          if (name === '?' || name.endsWith(' (deleted)')) name = ''
          const placed = name === '' ? { path: '' } : placer.place(name)
          if (!placed) return false
          if ('dropped' in placed) out.drop(placed.dropped)
          else out.whole(out.named(placed.path, inode), t)
        } else {
          return false
        }
        return true
      },
    }
  },
}
