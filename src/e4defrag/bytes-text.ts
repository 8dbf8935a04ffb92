/**
 * Paths and lines as latin1 text: one character for each byte, so that names that
 * are no UTF-8 are kept.
 */
import { writeSync } from 'node:fs'
import { decodeName } from '../bytes/file-name.js'
import { escapePath } from '../text/escape-path.js'

export const toBytes = (text: string): Buffer => Buffer.from(text, 'latin1')

/** What Node decoded as UTF-8, such as an argument, as bytes again. */
export const fromUtf8 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/** A name as it may be shown: nothing a terminal obeys, and bytes that are no UTF-8 as `\xff`. */
export function shown(name: string): string {
  if (/^[\x20-\x7e]*$/.test(name)) return name
  const text = decodeName(toBytes(name)).replace(
    /[\udc80-\udcff]/g,
    (byte) => `\\x${(byte.charCodeAt(0) - 0xdc00).toString(16)}`,
  )
  return fromUtf8(escapePath(text))
}

/** Standard output and error, in the order they are written. */
export class Console {
  private pending = ''

  out(text: string): void {
    this.pending += text
    if (this.pending.length > 8192) this.flush()
  }

  error(text: string): void {
    this.flush()
    write(2, text)
  }

  flush(): void {
    const text = this.pending
    this.pending = ''
    if (text !== '') write(1, text)
  }
}

function write(fd: number, text: string): void {
  const bytes = toBytes(text)
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at)
    } catch (error) {
      // Whoever read it has seen enough; the work goes on.
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') return
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}
