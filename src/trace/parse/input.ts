/**
 * The bytes of a trace: from a file, standard input or any stream, gunzipped when
 * they are gzip (told by magic). Memory stays flat whatever they unpack to.
 */
import { open } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { BootpackError, corrupt, ioError, usageError } from '../../errors.js'
import { shellWord } from '../../text/shell-word.js'
import { escapePath } from '../../text/escape-path.js'

/** A path, '-' for standard input, or the bytes themselves. */
export type TraceInput = string | AsyncIterable<Uint8Array>

/** 16 GiB: 130 million events. What is more is a mistake or an attack. */
const mostBytesByDefault = 2 ** 34

const chunkSize = 1 << 18

export const inputName = (input: TraceInput): string =>
  typeof input !== 'string' ? 'The input' : input === '-' ? 'Standard input' : escapePath(input)

/** The same as a word of a command line that reads it again. */
export const inputWord = (input: TraceInput): string =>
  typeof input !== 'string' || input === '-' ? '-' : shellWord(input)

/**
 * @param mostBytes after unpacking
 * @throws usage when there is no such file or it is a folder or a disk, io when it
 *   cannot be read, corrupt for damaged gzip, refused past `mostBytes`
 */
export async function* openTraceBytes(input: TraceInput, mostBytes = mostBytesByDefault): AsyncGenerator<Buffer> {
  const name = inputName(input)
  const raw =
    typeof input !== 'string'
      ? input
      : input === '-'
        ? (process.stdin as AsyncIterable<Uint8Array>)
        : await openFile(input)
  let total = 0
  for await (const chunk of unpacked(raw, name, inputWord(input))) {
    total += chunk.length
    if (total > mostBytes) {
      throw new BootpackError('refused', 'too-many-bytes', `${name} unpacks to more than ${mostBytes} bytes.`, {
        next: 'If it is genuine, cut it into parts and merge their traces.',
      })
    }
    yield chunk
  }
}

async function openFile(path: string): Promise<AsyncIterable<Uint8Array>> {
  const name = escapePath(path)
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR')
      throw usageError('no-trace', `There is no file ${name}.`, 'Check the name of the trace.')
    throw ioError(`${name} cannot be opened.`, error)
  })
  const stats = await handle.stat()
  if (stats.isDirectory() || stats.isBlockDevice()) {
    await handle.close()
    throw usageError(
      'not-a-trace',
      `${name} is a ${stats.isDirectory() ? 'folder' : 'disk'}, not a trace.`,
      'Give a file, or - for standard input.',
    )
  }
  return handle.createReadStream({ highWaterMark: chunkSize })
}

async function* unpacked(raw: AsyncIterable<Uint8Array>, name: string, word: string): AsyncGenerator<Buffer> {
  const chunks = readable(raw, name)
  // Streams may begin with a chunk of one byte; the magic has two.
  const first: Buffer[] = []
  let held = 0
  while (held < 2) {
    const next = await chunks.next()
    if (next.done) break
    first.push(next.value)
    held += next.value.length
  }
  const head = Buffer.concat(first)
  const all = (async function* () {
    if (head.length > 0) yield head
    yield* chunks
  })()
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield* all
    return
  }
  const gunzip = createGunzip({ chunkSize })
  // Errors reach the loop below through the stream itself.
  pipeline(Readable.from(all, { objectMode: false }), gunzip, () => {})
  try {
    for await (const chunk of gunzip) yield chunk as Buffer
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined || !code.startsWith('Z_')) throw error
    throw corrupt(
      'gzip stream',
      1,
      `${name} ${code === 'Z_BUF_ERROR' ? 'ends too early' : 'is damaged'}`,
      `What is left of it can be saved with: gzip -dc ${word} | bootpack trace import - -o boot.trace`,
    )
  } finally {
    gunzip.destroy()
  }
}

async function* readable(raw: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of raw)
      yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  } catch (error) {
    throw error instanceof BootpackError ? error : ioError(`${name} cannot be read.`, error)
  }
}
