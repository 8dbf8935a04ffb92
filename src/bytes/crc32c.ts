/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) as ext4 and jbd2 use it:
 * a running value without the final inversion, so that a checksum over several
 * pieces is `crc32c(crc32c(seed, first), second)` and a fresh one starts at
 * `~0`. The textbook checksum is `~crc32c(~0, data)`.
 *
 * Eight bytes a step by the "slicing" method (Kounavis and Berry, 2005): table k
 * advances a byte over k further bytes of zeros, so eight lookups that do not wait
 * for each other replace eight that do.
 */
const tables = makeTables()

function makeTables(): Int32Array {
  const all = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f6_3b78 : value >>> 1
    all[byte] = value
  }
  for (let table = 1; table < 8; table++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = all[(table - 1) * 256 + byte]!
      all[table * 256 + byte] = (before >>> 8) ^ all[before & 0xff]!
    }
  }
  return all
}

/**
 * @param running value so far, `~0` to begin
 * @param from    first byte, default 0
 * @param to      one past the last byte, default the end
 * @returns unsigned 32 bits
 */
export function crc32c(running: number, bytes: Uint8Array, from = 0, to = bytes.length): number {
  const table = tables
  let crc = running | 0
  let at = from
  for (const end = to - 7; at < end; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      table[1792 + (crc & 0xff)]! ^
      table[1536 + ((crc >>> 8) & 0xff)]! ^
      table[1280 + ((crc >>> 16) & 0xff)]! ^
      table[1024 + (crc >>> 24)]! ^
      table[768 + bytes[at + 4]!]! ^
      table[512 + bytes[at + 5]!]! ^
      table[256 + bytes[at + 6]!]! ^
      table[bytes[at + 7]!]!
  }
  for (; at < to; at++) crc = table[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return crc >>> 0
}

/** Continues a checksum over a 32-bit little-endian number, such as an inode or group number. */
export function crc32cOfU32(running: number, value: number): number {
  let crc = running | 0
  for (let shift = 0; shift < 32; shift += 8) crc = tables[(crc ^ (value >>> shift)) & 0xff]! ^ (crc >>> 8)
  return crc >>> 0
}

/** Continues a checksum over `count` bytes of zeros, the stand-in for a checksum field. */
export function crc32cOfZeros(running: number, count: number): number {
  let crc = running | 0
  for (let i = 0; i < count; i++) crc = tables[crc & 0xff]! ^ (crc >>> 8)
  return crc >>> 0
}
