/**
 * Bytes in, reads out: pure, nothing is opened here. Push chunks of a recording as
 * they come; the format is told from the first 64 KiB unless given.
 */
import { BadLines } from './bad-lines.js'
import { detectFormat, headSize, refuseBinary } from './detect-format.js'
import { formatNamed } from '../formats/all-formats.js'
import { LineSplitter, longestLineByDefault, type LineTaker } from './line-splitter.js'
import { ReadCollector, type DeviceReads } from './read-collector.js'
import { traceHeader, type Trace, type TraceHeader, type TraceRead } from '../model/trace.js'
import type { FormatName, FormatOptions, LineParser, TraceFormat } from '../formats/format.js'

export interface ParseOptions extends FormatOptions {
  /** By default told from the contents. */
  readonly format?: FormatName
  /** How messages call the input. */
  readonly name?: string
  /** It as a word of a command line, for the command that would turn it into text. */
  readonly word?: string
  /** Bytes of the longest line; longer ones are bad lines. Default 1 MiB. */
  readonly longestLine?: number
}

/** What is known once the input has ended. */
export interface TraceFacts {
  readonly format: FormatName
  readonly header: TraceHeader
  readonly bad: Trace['bad']
  readonly lines: number
  /** What was read of each device, where the recording tells devices apart. */
  readonly devices: ReadonlyMap<string, Readonly<DeviceReads>>
}

export class TraceParser implements LineTaker {
  private head: Buffer[] | undefined = []
  private headBytes = 0
  private format: TraceFormat | undefined
  private parser!: LineParser
  private collector!: ReadCollector
  private splitter!: LineSplitter
  private readonly bad = new BadLines()

  private readonly options: ParseOptions

  constructor(options: ParseOptions = {}) {
    this.options = options
  }

  /**
   * @returns the reads that became complete
   * @throws usage, unsupported or corrupt when the contents are no trace
   */
  push(chunk: Buffer): TraceRead[] {
    if (this.head) {
      this.head.push(Buffer.from(chunk))
      this.headBytes += chunk.length
      if (this.headBytes < headSize) return []
      this.begin(this.head)
    } else {
      this.splitter.push(chunk)
    }
    return this.collector.take()
  }

  /** The last reads. */
  end(): TraceRead[] {
    if (this.head) this.begin(this.head)
    this.splitter.end()
    this.parser.end?.()
    this.collector.end()
    return this.collector.take()
  }

  /** Call after `end`. */
  facts(): TraceFacts {
    const { collector, format, parser } = this
    const { ignored } = collector
    const found = Object.keys(ignored).length > 0 ? { ignored: { ...ignored } } : {}
    return {
      format: format!.name,
      header:
        format!.name === 'native'
          ? (parser.header!() as TraceHeader)
          : traceHeader(format!.name, { ...parser.header?.(), ...found }),
      bad: this.bad.found,
      lines: this.splitter.lines,
      devices: collector.devices,
    }
  }

  line(bytes: Buffer, start: number, end: number, number: number): void {
    if (!this.parser.line(bytes, start, end)) this.bad.add(number, bytes, start, end)
  }

  tooLong(bytes: Buffer, start: number, end: number, number: number): void {
    this.bad.add(number, bytes, start, end)
  }

  private begin(pieces: Buffer[]): void {
    this.head = undefined
    let head: Buffer = Buffer.concat(pieces)
    const { options } = this
    if (options.format === undefined) {
      this.format = detectFormat(head, options.name, options.word)
    } else {
      refuseBinary(head, options.name ?? 'The input', options.word ?? '-')
      this.format = formatNamed(options.format)
    }
    if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) head = head.subarray(3)
    const device = options.device === 'all' ? undefined : options.device
    this.collector = new ReadCollector({
      ...(this.format.grain === undefined ? {} : { grain: this.format.grain }),
      ...(options.repeats === undefined ? {} : { repeats: options.repeats }),
      ...(device === undefined ? {} : { device }),
    })
    this.parser = this.format.parser(this.collector, options)
    this.splitter = new LineSplitter(this, options.longestLine ?? this.format.longestLine ?? longestLineByDefault)
    this.splitter.push(head)
  }
}

/** A whole recording in memory. For files and streams see readTrace. */
export function parseTrace(
  contents: Buffer | string,
  options: ParseOptions = {},
): { reads: TraceRead[]; facts: TraceFacts } {
  const parser = new TraceParser(options)
  const reads = parser.push(typeof contents === 'string' ? Buffer.from(contents) : contents)
  for (const read of parser.end()) reads.push(read)
  return { reads, facts: parser.facts() }
}
