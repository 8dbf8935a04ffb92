/** Memory that begins at a multiple of something, as O_DIRECT wants it. */
import { addressOf } from './libc.js'

/**
 * @param size      bytes
 * @param alignment bytes, a power of two
 */
export function alignedBuffer(size: number, alignment = 4096): Buffer {
  const room = Buffer.allocUnsafeSlow(size + alignment)
  const beyond = Number(addressOf(room) % BigInt(alignment))
  const from = beyond === 0 ? 0 : alignment - beyond
  return room.subarray(from, from + size)
}
