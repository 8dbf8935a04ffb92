import { decodeName } from '../../bytes/file-name.js'
import { PathPlacer } from './path-text.js'
import type { TraceFormat } from './format.js'

/** A path per line in read order; whole files. Empty lines and lines that begin with '#' are comments. */
export const list: TraceFormat = {
  name: 'list',
  title: 'a list of paths, one per line, in read order',
  recognises: (line) => line.startsWith('/'),
  parser(out, options) {
    const placer = new PathPlacer(options)
    return {
      line(bytes, start, end) {
        if (start === end || bytes[start] === 35) return true
        const placed = placer.place(decodeName(bytes, start, end))
        if (!placed || ('dropped' in placed && placed.dropped === 'relative-name')) return false
        if ('dropped' in placed) out.drop(placed.dropped)
        else out.whole(out.named(placed.path), NaN)
        return true
      },
    }
  },
}
