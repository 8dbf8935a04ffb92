import { decimal, scanned } from './scan.js'
import { decodeName } from '../../bytes/file-name.js'
import { PathPlacer } from './path-text.js'
import type { Subject } from '../parse/read-collector.js'
import type { TraceFormat } from './format.js'

const created = /: created .* for (?:hdd|ssd) (\d+):(\d+)$/
const totals = /^\d+ inode groups, \d+ files, \d+ blocks \(\d+ kB\)$/
const file = /^(\/.*) \(\d+ kB\), \d+ blocks \(\d+ kB\)$/s
const pageMap = /^ {2}\[[.@# ]*\]$/
const block = /^\t\d+, \d+ bytes \(at \d+\)$/

/**
 * `ureadahead --dump --sort=open`: for each file a line with its name, a picture of
 * its pages, and the blocks it read:
 *
 *     /bin/sh (123 kB), 2 blocks (64 kB)
 *       [@####....]
 *
 *     \t0, 65536 bytes (at 123456)
 *
 * Offset and length in the file, and where that was on the disk then (not used).
 * There are no times; the order is read order only with --sort=open.
 */
export const ureadahead: TraceFormat = {
  name: 'ureadahead',
  title: 'output of ureadahead --dump',
  recognises: (line) => file.test(line) || totals.test(line) || created.test(line),
  parser(out, options) {
    const placer = new PathPlacer(options)
    let root: string | undefined
    let current: Subject | 'dropped' | undefined
    return {
      line(bytes, start, end) {
        if (start === end) return true
        if (bytes[start] === 9) {
          if (!current || !block.test(bytes.toString('latin1', start, Math.min(end, start + 128)))) return false
          decimal(bytes, start + 1, end)
          const off = scanned.value
          decimal(bytes, scanned.end + 2, end)
          if (current !== 'dropped' && scanned.value > 0) out.range(current, NaN, off, scanned.value)
          return true
        }
        const text = decodeName(bytes, start, end)
        if (pageMap.test(text) || totals.test(text)) return true
        const head = created.exec(text)
        if (head) {
          root = `${head[1]}:${head[2]}`
          return true
        }
        const name = file.exec(text)?.[1]
        const placed = name === undefined ? undefined : placer.place(name)
        if (!placed) return false
        current = 'dropped' in placed ? 'dropped' : out.named(placed.path)
        if ('dropped' in placed) out.drop(placed.dropped)
        return true
      },
      header: () => (root === undefined ? {} : { root }),
    }
  },
}
