import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { settleDevice } from './parse/choose-device.js'
import { streamTrace, type ReadTraceOptions } from './read-trace.js'
import { ReadSpool } from './parse/read-spool.js'
import { writeTrace, type WriteTraceOptions } from './write-trace.js'
import type { FormatName } from './formats/format.js'
import type { Trace, TraceHeader, TraceRead } from './model/trace.js'
import type { TraceInput } from './parse/input.js'

export interface Imported {
  readonly format: FormatName
  readonly header: TraceHeader
  readonly bad: Trace['bad']
  /** Written. */
  readonly reads: number
}

/**
 * Turns a recording of any known format into a trace file, in flat memory whatever
 * its size. What is known only at the end (which device is the root's, how much was
 * lost) stands in the header all the same: reads wait in a nameless file.
 * @param output a path, or '-' for standard output
 * @param more   fields of the header the recording cannot know, such as `recorded`
 * @throws as streamTrace and writeTrace do; the output then is as it was before
 */
export async function importTrace(
  input: TraceInput,
  output: string,
  options: ReadTraceOptions & WriteTraceOptions & { readonly header?: Partial<TraceHeader> } = {},
): Promise<Imported> {
  const spool = new ReadSpool(output === '-' ? join(tmpdir(), 'bootpack-trace') : output)
  try {
    const facts = await streamTrace(input, (reads) => spool.add(reads), options)
    const settled = settleDevice(facts, options.device)
    const header = { ...settled.header, ...options.header }
    let reads = 0
    const kept = async function* (): AsyncGenerator<TraceRead> {
      for await (const read of spool.all()) {
        const one = settled.keep(read)
        if (!one) continue
        reads++
        yield one
      }
    }
    await writeTrace(output, { header, reads: kept() }, options)
    return { format: facts.format, header, bad: facts.bad, reads }
  } finally {
    await spool.close()
  }
}
