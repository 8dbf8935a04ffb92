import { decodeName } from '../name-text.js'
import { tidyPath } from './path-text.js'
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
  parser(out) {
    let columns: readonly string[] | undefined
    return {
      line(bytes, start, end) {
        if (start === end) return true
        const fields = decodeName(bytes, start, end).split('\t')
        if (bytes[start] === 35) {
          columns ??= fields.map((name) => name.replace(/^#/, ''))
          return true
        }
        if (!columns || fields.length !== columns.length) return false
        const field = (name: string): string | undefined => fields[columns!.indexOf(name)]
        const ino = field('ino')
        const name = field('path')
        const first = field('first_read_s')
        const type = field('type')
        if (ino !== undefined && !wholeNumber.test(ino)) return false
        if (first !== undefined && !/^\d+(\.\d+)?$/.test(first)) return false
        if (type !== undefined && type !== 'regular' && type !== 'directory') {
          out.drop('not-a-file')
          return true
        }
        const path = name !== undefined && name.startsWith('/') ? tidyPath(name) : ''
        if (path === '' && (ino === undefined || ino === '0')) return false
        const subject = out.named(path, ino === undefined ? undefined : Number(ino), undefined, type === 'directory' ? 'directory' : 'data')
        out.whole(subject, first === undefined ? NaN : Math.round(Number(first) * 1e6))
        return true
      },
    }
  },
}
