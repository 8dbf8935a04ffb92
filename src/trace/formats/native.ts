/**
 * The project's own format: JSON Lines. The first line is the header, then one
 * object per read in time order. Fields this version does not know are kept as they
 * are, in the header and in every read.
 *
 *     {"bootpack":"trace","version":1,"source":"tracefs","root":"254:0"}
 *     {"t":2068761,"ino":11250,"off":0,"len":94208,"kind":"data"}
 */
import { corrupt, unsupported, usageError } from '../../errors.js'
import type { ReadKind, TraceHeader, TraceRead } from '../model/trace.js'
import type { TraceFormat } from './format.js'

const again = 'Record or import the trace again.'

/** @throws usage when the line is another file of ours, unsupported for a later version, corrupt otherwise */
function parseHeader(line: string): TraceHeader {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw corrupt('trace header', 1, 'is not complete JSON', again)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw corrupt('trace header', 1, 'is no object', again)
  const header = value as Record<string, unknown>
  if (header['bootpack'] !== 'trace')
    throw usageError(
      'not-a-trace',
      `This is a bootpack ${typeof header['bootpack'] === 'string' ? 'file of another kind' : 'file'}, not a trace.`,
      'Give the trace it was made from.',
    )
  if (header['version'] !== 1)
    throw unsupported(
      'trace-version',
      `The trace has version ${JSON.stringify(header['version'])}; this bootpack reads version 1.`,
      'Use the bootpack that wrote it, or a later one.',
    )
  if (typeof header['source'] !== 'string')
    throw corrupt('trace header', 1, 'does not say what the trace was made from ("source")', again)
  for (const field of ['kernel', 'root', 'recorded'] as const) {
    if (header[field] !== undefined && typeof header[field] !== 'string')
      throw corrupt('trace header', 1, `"${field}" is no text`, again)
  }
  if (header['lost'] !== undefined && !isCount(header['lost']))
    throw corrupt('trace header', 1, '"lost" is no count', again)
  return header as unknown as TraceHeader
}

const kinds: ReadonlySet<unknown> = new Set<ReadKind>(['data', 'directory', 'metadata'])

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const isNameOrNone = (value: unknown): boolean =>
  value === undefined || (typeof value === 'string' && value !== '' && value.length <= 4096 && !value.includes('\0'))

/** @returns undefined for what is no read; `off` may be left out for 0 and `kind` for data */
function checkRead(value: unknown): TraceRead | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const read = value as Record<string, unknown>
  const { t, ino, path, len, dev, support, by, unit } = read
  if (read['off'] === undefined) read['off'] = 0
  if (read['kind'] === undefined) read['kind'] = 'data'
  if (!isCount(read['off']) || !kinds.has(read['kind'])) return undefined
  if (t !== undefined && !(typeof t === 'number' && Number.isFinite(t))) return undefined
  if (ino !== undefined && !(isCount(ino) && ino > 0)) return undefined
  if (
    path !== undefined &&
    !(typeof path === 'string' && path.startsWith('/') && path.length <= 4096 && !path.includes('\0'))
  )
    return undefined
  if (len !== undefined && !isCount(len)) return undefined
  if (dev !== undefined && typeof dev !== 'string') return undefined
  if (support !== undefined && !isCount(support)) return undefined
  if (!isNameOrNone(by) || !isNameOrNone(unit)) return undefined
  if (ino === undefined && path === undefined && read['kind'] !== 'metadata') return undefined
  return read as unknown as TraceRead
}

export const native: TraceFormat = {
  name: 'native',
  title: "bootpack's own trace",
  recognises: (line) => /^\{.*"bootpack"\s*:/s.test(line),
  parser(out) {
    let header: TraceHeader | undefined
    return {
      line(bytes, start, end) {
        if (start === end) return true
        if (!header) {
          header = parseHeader(bytes.toString('utf8', start, end))
          return true
        }
        let value: unknown
        try {
          value = JSON.parse(bytes.toString('utf8', start, end))
        } catch {
          return false
        }
        const read = checkRead(value)
        if (read) out.pass(read)
        return read !== undefined
      },
      end() {
        if (!header) throw corrupt('trace header', 1, 'is missing', again)
      },
      header: () => header!,
    }
  },
}
