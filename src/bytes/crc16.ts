/**
 * CRC-16 (reflected polynomial 0xA001, "ARC") as the gdt_csum feature uses it for
 * group descriptors: a running value that starts at `0xffff` and is not inverted.
 */
const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xa001 : value >>> 1
  return value
})

/** @returns unsigned 16 bits */
export function crc16(running: number, bytes: Uint8Array, from = 0, to = bytes.length): number {
  let crc = running & 0xffff
  for (let at = from; at < to; at++) crc = table[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return crc
}
