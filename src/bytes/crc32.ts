/**
 * CRC-32 as in IEEE 802.3 and zlib: reflected polynomial 0xEDB88320, start and
 * final exclusive or 0xFFFFFFFF. GPT headers carry it; ext4 uses crc32c instead.
 */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1
  return remainder >>> 0
})

/**
 * @param previous result over the bytes before, to continue from
 * @returns unsigned 32-bit value
 */
export function crc32(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}
