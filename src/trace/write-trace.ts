import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { ioError } from '../errors.js'
import { writeAtomically } from '../files/atomic-file.js'
import type { FileHandle } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import type { TraceHeader, TraceRead } from './model/trace.js'

export interface WritableTrace {
  readonly header: TraceHeader
  readonly reads: Iterable<TraceRead> | AsyncIterable<TraceRead>
}

export interface WriteTraceOptions {
  /** By default when the name ends in .gz. */
  readonly gzip?: boolean
}

const pieceSize = 1 << 16

/** The lines of a trace in bootpack's own format, in pieces of some 64 KiB. */
export async function* traceLines({ header, reads }: WritableTrace): AsyncGenerator<string> {
  let piece = `${JSON.stringify(header)}\n`
  for await (const read of reads) {
    piece += `${JSON.stringify(read)}\n`
    if (piece.length >= pieceSize) {
      yield piece
      piece = ''
    }
  }
  if (piece !== '') yield piece
}

/**
 * Writes a trace. To a path: whole or not at all. To a stream, which is left open:
 * as it comes.
 * @param target a path, '-' for standard output, or a stream
 * @throws as writeAtomically does
 */
export async function writeTrace(
  target: string | Writable,
  trace: WritableTrace,
  options: WriteTraceOptions = {},
): Promise<void> {
  if (typeof target !== 'string' || target === '-') {
    const stream = typeof target === 'string' ? process.stdout : target
    return send(traceLines(trace), options.gzip ?? false, async (bytes) => {
      if (!stream.write(bytes))
        await once(stream, 'drain').catch((cause: unknown) => {
          throw outputError(cause)
        })
    })
  }
  await writeAtomically(target, 'trace', (file) =>
    writeLines(file, traceLines(trace), options.gzip ?? target.endsWith('.gz')),
  )
}

/** @returns what to throw when standard output or a stream fails; a reader who has seen enough is left to the caller */
export const outputError = (cause: unknown): unknown =>
  (cause as NodeJS.ErrnoException).code === 'EPIPE'
    ? cause
    : ioError('Standard output could not be written to its end.', cause)

/** Text into an open file, gzipped or not. */
export const writeLines = (
  file: FileHandle,
  pieces: AsyncIterable<string> | Iterable<string>,
  gzip: boolean,
): Promise<void> =>
  send(pieces, gzip, async (bytes) => {
    for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten
  })

async function send(
  pieces: AsyncIterable<string> | Iterable<string>,
  gzip: boolean,
  write: (bytes: Buffer) => Promise<void>,
): Promise<void> {
  if (!gzip) {
    for await (const piece of pieces) await write(Buffer.from(piece))
    return
  }
  await pipeline(
    Readable.from(pieces, { objectMode: false }),
    createGzip({ chunkSize: pieceSize }),
    async (packed: AsyncIterable<Buffer>) => {
      for await (const bytes of packed) await write(bytes)
    },
  )
}
