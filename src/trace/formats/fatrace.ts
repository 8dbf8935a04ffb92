import { decodeName } from '../name-text.js'
import { PathPlacer } from './path-text.js'
import { WallClock } from './wall-clock.js'
import type { TraceFormat } from './format.js'

// time, command(pid), user and group, types, then a path or a device and an inode
const event = /^(?:(\d\d):(\d\d):(\d\d(?:\.\d+)?) |(\d+\.\d+) )?.{0,16}?\(\d+\)(?: \[\d+:\d+\])?: ([A-Z+<>]{1,8}) +(?:(\/.*)|device (\d+):(\d+) inode (\d+))$/s

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
    return {
      line(bytes, start, end) {
        if (start === end) return true
        const found = event.exec(decodeName(bytes, start, end))
        if (!found) return false
        const [, hours, minutes, seconds, epoch, types, path, major, minor, inode] = found
        const t = hours !== undefined ? clock.ofDay(Number(hours), Number(minutes), Number(seconds))
          : epoch !== undefined ? clock.epoch(Number(epoch))
            : NaN
        if (!/[RO]/.test(types!)) {
          out.drop('not-a-read')
          return true
        }
        if (path === undefined) {
          if (Number(inode) === 0) return false
          out.whole(out.named('', Number(inode), `${major}:${minor}`), t)
          return true
        }
        const placed = placer.place(path)
        if (!placed) return false
        if ('dropped' in placed) out.drop(placed.dropped)
        else out.whole(out.named(placed.path), t)
        return true
      },
    }
  },
}
