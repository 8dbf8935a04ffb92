import { corrupt } from '../../errors.js'
import { PathPlacer } from './path-text.js'
import type { TraceFormat } from './format.js'

const largestDocument = 64 << 20

/**
 * `fincore -J FILE…` of util-linux: which files are in the page cache. It tells how
 * many pages, not which, and neither order nor time; a file with any page cached is
 * taken whole, in the order listed.
 */
export const fincore: TraceFormat = {
  name: 'fincore',
  title: 'output of fincore -J',
  longestLine: largestDocument,
  recognises: (line) => /^\s*(?:\{\s*)?"fincore"\s*:/.test(line),
  parser(out, options) {
    const placer = new PathPlacer(options)
    const pieces: Buffer[] = []
    let size = 0
    return {
      line(bytes, start, end) {
        size += end - start + 1
        if (size > largestDocument) return false
        pieces.push(Buffer.from(bytes.subarray(start, end)))
        return true
      },
      end() {
        for (const entry of entries(Buffer.concat(pieces).toString('utf8'))) {
          const { file, pages } = (entry ?? {}) as { file?: unknown; pages?: unknown }
          const placed = typeof file === 'string' ? placer.place(file) : undefined
          if (!placed) out.drop('unreadable')
          else if ('dropped' in placed) out.drop(placed.dropped)
          else if (Number(pages) > 0) out.whole(out.named(placed.path), NaN)
          else out.drop('empty')
        }
      },
    }
  },
}

/** @throws corrupt when the text is not what fincore writes */
function entries(text: string): unknown[] {
  try {
    const { fincore } = JSON.parse(text) as { fincore?: unknown }
    if (Array.isArray(fincore)) return fincore
  } catch {
    // Said below: what JSON.parse has to say names a character, not a cause.
  }
  throw corrupt('fincore document', 1, 'is not complete JSON with a list "fincore"', 'Record it again with fincore -J.')
}
