import { usageError } from '../../errors.js'
import { count } from '../../text/units.js'
import { formatNames, type FormatName } from '../../trace/formats/format.js'
import { readTrace } from '../../trace/read-trace.js'
import { fittingReads, type FitOptions } from '../../plan/resolve/trace-fit.js'
import { counted } from '../../text/table.js'
import type { Trace, TraceRead } from '../../trace/model/trace.js'
import type { Volume } from '../../volume/volume.js'
import { escapePath } from '../../text/escape-path.js'

/** @throws usage for a format that does not exist */
export function formatNamedByUser(name: string | undefined): FormatName | undefined {
  if (name === undefined) return undefined
  const known = formatNames.find((format) => format === name)
  if (!known)
    throw usageError(
      'no-such-format',
      `There is no trace format ${escapePath(name)}.`,
      `There are: ${formatNames.join(', ')}.`,
    )
  return known
}

/** A whole trace in memory, and a word on stderr about lines that could not be read. */
export async function loadTrace(path: string, format: string | undefined): Promise<Trace> {
  const named = formatNamedByUser(format)
  const trace = await readTrace(path, named === undefined ? {} : { format: named })
  warnOfBadLines(trace.bad)
  return trace
}

interface Fitting {
  readonly reads: readonly TraceRead[]
  /** For who resolves them: whether they fit is judged there. */
  readonly fit: FitOptions
}

/**
 * The reads of a trace that mean something on a volume.
 * @param note gets a sentence when the trace is of another filesystem
 */
export function fittingTrace(
  trace: Trace,
  volume: Volume,
  anyTrace: boolean,
  note: (sentence: string) => void,
): Fitting {
  const { reads, foreign, leftOut } = fittingReads(trace, volume.geometry().uuid)
  if (foreign === undefined) return { reads, fit: { anyTrace } }
  const named = escapePath(foreign)
  const lost = leftOut === 0 ? '' : `; ${counted(leftOut, 'read')} that only had a number or a place there are left out`
  note(`The trace was recorded on another filesystem (${named}): its files are taken by name${lost}.`)
  return { reads, fit: { anyTrace, foreign: named } }
}

export function warnOfBadLines(bad: Trace['bad']): void {
  if (bad.count === 0) return
  process.stderr.write(
    `${count(bad.count)} line${bad.count === 1 ? '' : 's'} of the trace could not be read, and ${bad.count === 1 ? 'is' : 'are'} left out:\n`,
  )
  for (const { line, text } of bad.examples) process.stderr.write(`  line ${line}: ${text}\n`)
  if (bad.count > bad.examples.length) process.stderr.write(`  and ${count(bad.count - bad.examples.length)} more\n`)
}
