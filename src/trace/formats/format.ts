import type { ReadCollector } from '../parse/read-collector.js'
import type { TraceHeader } from '../model/trace.js'
import type { KnownTasks } from './task-table.js'

export const formatNames = [
  'native',
  'list',
  'table',
  'e4rat',
  'tracefs',
  'fanotify',
  'fatrace',
  'strace',
  'blkparse',
  'block-reads',
  'ureadahead',
  'fincore',
] as const

export type FormatName = (typeof formatNames)[number]

export interface FormatOptions {
  /** Where the traced filesystem was mounted: names below it lose this prefix, others are left out. Default '/'. */
  readonly root?: string
  /** What relative names are relative to, where the recording does not tell. */
  readonly workingDirectory?: string
  /** tracefs: take the requests at the disk instead of the pages that entered the cache. */
  readonly requests?: boolean
  /** tracefs: bytes of a page on the recorded machine; by default found from the offsets. */
  readonly pageSize?: number
  /** tracefs: which programs ran, where the recording does not tell. */
  readonly tasks?: KnownTasks
  /** Block-level recordings of a whole disk: where the filesystem lies, in bytes. */
  readonly partition?: { readonly start: number; readonly length?: number }
  /** Only this device, `major:minor`; 'all' keeps every one. By default the one with most file data. */
  readonly device?: string
  /** Keep bytes that were read before. */
  readonly repeats?: boolean
}

/** One recording being read, line by line. */
export interface LineParser {
  /**
   * Bytes [start, end) of `bytes` are one line without its newline, valid during the call only.
   * @returns false for a line that could not be read
   */
  line(bytes: Buffer, start: number, end: number): boolean
  /** The input has ended. */
  end?(): void
  /** What the recording says of itself; complete after `end`. */
  header?(): Partial<TraceHeader>
}

export interface TraceFormat {
  readonly name: FormatName
  /** For people: 'output of strace -f -tt'. */
  readonly title: string
  /** Whether a line, as text, looks like this format and no other. */
  recognises(line: string): boolean
  /** Bytes; pieces reads are counted in. Default 4096. */
  readonly grain?: number
  /** Bytes of the longest line, where a line is a document. */
  readonly longestLine?: number
  parser(out: ReadCollector, options: FormatOptions): LineParser
}
