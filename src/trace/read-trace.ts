import { BootpackError } from '../errors.js'
import { settleDevice } from './parse/choose-device.js'
import { inputName, inputWord, openTraceBytes, type TraceInput } from './parse/input.js'
import { TraceParser, type ParseOptions, type TraceFacts } from './parse/parser.js'
import type { Trace, TraceRead } from './model/trace.js'

export interface ReadTraceOptions extends ParseOptions {
  /** Bytes after unpacking; default 16 GiB. */
  readonly mostBytes?: number
}

/**
 * Streams a recording of any known format, a batch of reads at a time; memory stays
 * flat. Where a recording tells devices apart, reads of all of them come, each with
 * its `dev`, unless `device` is given: which one is the root's is known at the end.
 * @param onReads may be asynchronous: no more is read until it is done
 * @throws as openTraceBytes and TraceParser do
 */
export async function streamTrace(
  input: TraceInput,
  onReads: (reads: readonly TraceRead[]) => void | Promise<void>,
  options: ReadTraceOptions = {},
): Promise<TraceFacts> {
  const parser = new TraceParser({ name: inputName(input), word: inputWord(input), ...options })
  for await (const chunk of openTraceBytes(input, options.mostBytes)) {
    const reads = parser.push(chunk)
    if (reads.length > 0) await onReads(reads)
  }
  const last = parser.end()
  if (last.length > 0) await onReads(last)
  return parser.facts()
}

/** The same as an iteration; what the recording said of itself is the generator's return value. */
export async function* traceReads(
  input: TraceInput,
  options: ReadTraceOptions = {},
): AsyncGenerator<TraceRead, TraceFacts> {
  const parser = new TraceParser({ name: inputName(input), word: inputWord(input), ...options })
  for await (const chunk of openTraceBytes(input, options.mostBytes)) yield* parser.push(chunk)
  yield* parser.end()
  return parser.facts()
}

/**
 * A whole trace in memory, of one device: the one given, else the one with most file
 * data; header.root names it. `device: 'all'` keeps every device's reads.
 * @param options.mostReads refuse beyond; default 5 million, about a gigabyte
 * @throws as streamTrace does; refused past `mostReads`
 */
export async function readTrace(
  input: TraceInput,
  options: ReadTraceOptions & { readonly mostReads?: number } = {},
): Promise<Trace> {
  const { mostReads = 5_000_000 } = options
  const reads: TraceRead[] = []
  const facts = await streamTrace(
    input,
    (batch) => {
      for (const read of batch) reads.push(read)
      if (reads.length > mostReads) {
        throw new BootpackError(
          'refused',
          'too-many-reads',
          `${inputName(input)} has more than ${mostReads} distinct reads.`,
          { next: 'Record for a shorter time, or only one device.' },
        )
      }
    },
    options,
  )
  const { header, keep } = settleDevice(facts, options.device)
  const kept: TraceRead[] = []
  for (const read of reads) {
    const settled = keep(read)
    if (settled) kept.push(settled)
  }
  return { header, reads: kept, bad: facts.bad }
}
