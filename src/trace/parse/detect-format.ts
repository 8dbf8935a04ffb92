import { unsupported, usageError } from '../../errors.js'
import { allFormats } from '../formats/all-formats.js'
import type { TraceFormat } from '../formats/format.js'

/** Bytes of the beginning that are looked at. */
export const headSize = 64 * 1024

const longestLookedAt = 2048
const mostLines = 200

interface Binary {
  readonly magic: Buffer
  readonly what: string
  /** With NAME for the file. */
  readonly command: string
}

const binaries: readonly Binary[] = [
  { magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), what: 'compressed with xz', command: 'xz -dc NAME' },
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), what: 'compressed with zstd', command: 'zstd -dc NAME' },
  { magic: Buffer.from('BZh'), what: 'compressed with bzip2', command: 'bzip2 -dc NAME' },
  { magic: Buffer.from([0x04, 0x22, 0x4d, 0x18]), what: 'compressed with lz4', command: 'lz4 -dc NAME' },
  { magic: Buffer.from('PK\x03\x04'), what: 'a zip archive', command: 'unzip -p NAME' },
  { magic: Buffer.from('PERFILE2'), what: 'a binary recording of perf', command: 'perf script -i NAME' },
  {
    magic: Buffer.from([0x17, 0x08, 0x44, ...Buffer.from('tracing')]),
    what: 'a binary recording of trace-cmd',
    command: 'trace-cmd report NAME',
  },
  { magic: Buffer.from([0x07, 0x74, 0x61, 0x65]), what: 'a binary recording of blktrace', command: 'blkparse -i NAME' },
  {
    magic: Buffer.from([0x75, 0x72, 0x61, 0x02]),
    what: 'a pack of ureadahead',
    command: 'ureadahead --dump --sort=open NAME',
  },
]

/**
 * @param word the input as a word of a command line
 * @throws unsupported for contents that another program must turn into text first
 */
export function refuseBinary(head: Buffer, name: string, word: string): void {
  const found = binaries.find(({ magic }) => head.subarray(0, magic.length).equals(magic))
  if (!found) return
  const command = found.command.replace('NAME', () => word)
  throw unsupported(
    'binary-trace',
    `${name} is ${found.what}.`,
    `Turn it into text first: ${command} | bootpack trace import - -o boot.trace`,
  )
}

/**
 * Tells a recording's format from its beginning: each line is given to the first
 * format that knows it, and the one with the most lines wins.
 * @param head the first bytes, up to `headSize`
 * @param name of the input, for messages
 * @param word the input as a word of a command line, for the command that turns it into text
 * @throws usage when it is empty or nothing known, unsupported when it is binary
 */
export function detectFormat(head: Buffer, name = 'The input', word = '-'): TraceFormat {
  refuseBinary(head, name, word)
  const nul = head.indexOf(0)
  const text = head.toString('latin1', head.subarray(0, 3).equals(byteOrderMark) ? 3 : 0, nul < 0 ? head.length : nul)
  const lines = text
    .split('\n')
    .map((line) => line.replace(/\r+$/, '').slice(0, longestLookedAt))
    .filter((line) => line !== '')
  if (lines.length === 0) {
    throw nul < 0
      ? usageError(
          'empty-trace',
          `${name} is empty: nothing was recorded.`,
          'Check that the recorder ran, and give its output.',
        )
      : usageError(
          'unknown-format',
          `${name} is no text.`,
          'Give a trace, a list of paths, or the text of a recording.',
        )
  }
  // The last line may have been cut by the end of the head.
  if (lines.length > 1 && head.length >= headSize) lines.pop()
  const votes = new Map<TraceFormat, number>()
  for (const line of lines.slice(0, mostLines)) {
    const format = allFormats.find((candidate) => candidate.recognises(line))
    if (format) votes.set(format, (votes.get(format) ?? 0) + 1)
  }
  let best: TraceFormat | undefined
  for (const [format, count] of votes) if (!best || count > votes.get(best)!) best = format
  if (best) return best
  throw usageError(
    'unknown-format',
    `${name} is in no format bootpack knows.`,
    `Known are: ${allFormats.map((format) => format.name).join(', ')}. Say which it is with --format.`,
  )
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])
