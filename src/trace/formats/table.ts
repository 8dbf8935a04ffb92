import { decodeName } from '../../bytes/file-name.js'
import { PathPlacer } from './path-text.js'
import type { TraceFormat } from './format.js'

const wholeNumber = /^\d{1,15}$/

/**
 * Tab-separated, with a first line that names the columns: `#ino`, `path` and, if
 * there, `first_read_s` (seconds) and `type`. Rows are whole files in read order.
 * A path of '?' is not known. Rows of a type that has no file (a freed inode, an
 * inode the kernel keeps for itself) are left out, as are sockets and the like.
 */
export const table: TraceFormat = {
  name: 'table',
  title: 'a table of files in read order, tab-separated with a heading',
  recognises: (line) => /^#(?:ino\tpath|path\tino)(?:\t|$)/.test(line),
  parser(out, options) {
    const placer = new PathPlacer(options)
    let columns: readonly string[] | undefined
    /** Where the columns we know stand; -1 for those that are not there. */
    let known = { ino: -1, path: -1, first: -1, type: -1 }
    return {
      line(bytes, start, end) {
        if (start === end) return true
        const fields = decodeName(bytes, start, end).split('\t')
        if (bytes[start] === 35) {
          if (!columns) {
            columns = fields.map((name) => name.replace(/^#/, ''))
            known = {
              ino: columns.indexOf('ino'),
              path: columns.indexOf('path'),
              first: columns.indexOf('first_read_s'),
              type: columns.indexOf('type'),
            }
          }
          return true
        }
        if (!columns || fields.length !== columns.length) return false
        const ino = fields[known.ino]
        const name = fields[known.path]
        const first = fields[known.first]
        const type = fields[known.type]
        if (ino !== undefined && !wholeNumber.test(ino)) return false
        if (first !== undefined && !/^\d+(\.\d+)?$/.test(first)) return false
        if (type !== undefined && type !== 'regular' && type !== 'directory') {
          out.drop('not-a-file')
          return true
        }
        const placed = name?.startsWith('/') ? placer.place(name) : { path: '' }
        if (!placed) return false
        if ('dropped' in placed) {
          out.drop(placed.dropped)
          return true
        }
        const { path } = placed
        if (path === '' && (ino === undefined || ino === '0')) return false
        const subject = out.named(
          path,
          ino === undefined ? undefined : Number(ino),
          undefined,
          type === 'directory' ? 'directory' : 'data',
        )
        out.whole(subject, first === undefined ? NaN : Math.round(Number(first) * 1e6))
        return true
      },
    }
  },
}
