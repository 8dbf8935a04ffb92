import type { Store } from '../../storage/store.js'

export async function readBytes(store: Store, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  // A partition that begins behind the end of a cut-off disk has no bytes at all.
  if (length === 0) return bytes
  await store.read(offset, bytes)
  return bytes
}

export const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const asciiAt = (bytes: Uint8Array, offset: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(offset, offset + length))

/** A 64-bit number, or undefined when JavaScript cannot hold it exactly. */
export function u64(bytes: DataView, offset: number): number | undefined {
  const value = bytes.getBigUint64(offset, true)
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined
}
