import { expect } from 'chai'
import { crc16 } from '../../src/bytes/crc16.js'
import { crc32c, crc32cOfU32, crc32cOfZeros } from '../../src/bytes/crc32c.js'
import { Random } from '../support/random.js'

/** One bit at a time, straight from the definition. */
function slowCrc32c(running: number, bytes: Uint8Array): number {
  let crc = running >>> 0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1
  }
  return crc >>> 0
}

describe('crc32c', () => {
  it('gives the check value of the catalogue and of RFC 3720 B.4', () => {
    expect(~crc32c(~0, Buffer.from('123456789')) >>> 0).to.equal(0xe306_9283)
    expect(~crc32c(~0, new Uint8Array(32)) >>> 0).to.equal(0x8a91_36aa)
    expect(~crc32c(~0, new Uint8Array(32).fill(0xff)) >>> 0).to.equal(0x62a8_ab43)
    expect(
      ~crc32c(
        ~0,
        Uint8Array.from({ length: 32 }, (_, i) => i),
      ) >>> 0,
    ).to.equal(0x46dd_794e)
  })

  it('agrees with the definition for every length, place and split', () => {
    const random = new Random(7)
    const bytes = Uint8Array.from({ length: 300 }, () => random.below(256))
    for (let round = 0; round < 300; round++) {
      const from = random.below(40)
      const to = from + random.below(260)
      const middle = from + random.below(to - from + 1)
      const start = random.below(0x1_0000_0000)
      const whole = slowCrc32c(start, bytes.subarray(from, to))
      expect(crc32c(start, bytes, from, to), `${from} to ${to}`).to.equal(whole)
      expect(crc32c(crc32c(start, bytes, from, middle), bytes, middle, to), `split at ${middle}`).to.equal(whole)
    }
  })

  it('continues over a number as over its four bytes, and over zeros as over zeros', () => {
    const number = 0xdead_0201
    expect(crc32cOfU32(5, number)).to.equal(slowCrc32c(5, Uint8Array.of(0x01, 0x02, 0xad, 0xde)))
    expect(crc32cOfZeros(5, 6)).to.equal(slowCrc32c(5, new Uint8Array(6)))
  })
})

describe('crc16', () => {
  it('gives the check values of the catalogue, ARC from 0 and MODBUS from 0xffff', () => {
    expect(crc16(0, Buffer.from('123456789'))).to.equal(0xbb3d)
    expect(crc16(0xffff, Buffer.from('123456789'))).to.equal(0x4b37)
    expect(crc16(crc16(0xffff, Buffer.from('1234')), Buffer.from('x56789y'), 1, 6)).to.equal(0x4b37)
  })
})
