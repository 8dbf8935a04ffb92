import { open } from 'node:fs/promises'
import type { Store } from '../storage/store.js'

/** Bytes read at once; pieces of it that are all zeros are left out of the copy. */
const chunk = 4 << 20
const piece = 64 << 10

/**
 * A file of the same bytes, whose zeros take no room.
 * @param onProgress told bytes done and all of them
 */
export async function copySparse(
  from: Store,
  to: string,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const file = await open(to, 'wx', 0o600)
  try {
    await file.truncate(from.size)
    const buffer = Buffer.allocUnsafe(chunk)
    for (let at = 0; at < from.size; at += chunk) {
      const bytes = buffer.subarray(0, Math.min(chunk, from.size - at))
      await from.read(at, bytes)
      for (let start = 0; start < bytes.length;) {
        const isHole = isZero(bytes.subarray(start, start + piece))
        let end = start + piece
        while (end < bytes.length && isZero(bytes.subarray(end, end + piece)) === isHole) end += piece
        end = Math.min(end, bytes.length)
        for (let done = start; !isHole && done < end;)
          done += (await file.write(bytes, done, end - done, at + done)).bytesWritten
        start = end
      }
      onProgress(Math.min(at + chunk, from.size), from.size)
    }
  } finally {
    await file.close()
  }
}

const zeros = Buffer.alloc(piece)

const isZero = (bytes: Buffer): boolean =>
  bytes.equals(bytes.length === piece ? zeros : zeros.subarray(0, bytes.length))
