import { expect } from 'chai'
import { decodeName, encodeName } from '../../src/bytes/file-name.js'
import { Random } from '../support/random.js'

describe('file names', () => {
  it('are their UTF-8 text where they are UTF-8', () => {
    for (const name of ['plain', 'Grüße', '日本', '😀 smile', 'new\nline', '\ufeffmark']) {
      expect(decodeName(Buffer.from(name))).to.equal(name)
      expect(Buffer.from(encodeName(name)).toString()).to.equal(name)
    }
  })

  it('keep other bytes apart, and survive JSON', () => {
    const name = decodeName(Uint8Array.of(0x61, 0xff, 0xc3, 0xa4, 0x80))
    expect(name).to.equal('a\udcffä\udc80')
    expect([...encodeName(JSON.parse(JSON.stringify(name)) as string)]).to.deep.equal([0x61, 0xff, 0xc3, 0xa4, 0x80])
  })

  it('come back byte for byte, whatever they are (seed 11)', () => {
    const random = new Random(11)
    // Bytes that begin, continue and break UTF-8 sequences, surrogates and overlong forms among them.
    const pool = [0x41, 0x7f, 0x80, 0xa0, 0xbf, 0xc0, 0xc3, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff]
    for (let round = 0; round < 5000; round++) {
      const bytes = Array.from({ length: 1 + random.below(9) }, () => pool[random.below(pool.length)]!)
      expect(
        [...encodeName(decodeName(Uint8Array.from(bytes)))],
        bytes.map((byte) => byte.toString(16)).join(' '),
      ).to.deep.equal(bytes)
    }
  })

  it('come back byte for byte in text of all kinds, wherever they stand', () => {
    const seed = Date.now() % 1e6
    const random = new Random(seed)
    for (let round = 0; round < 3000; round++) {
      const pieces = Array.from({ length: random.below(8) }, () =>
        random.pick([
          Buffer.from('a'),
          Buffer.from('é'),
          Buffer.from('😀'),
          Buffer.of(random.below(256)),
          Buffer.of(0xe2, 0x82),
          Buffer.of(0xed, 0xa0, 0x80),
        ]),
      )
      const bytes = Buffer.concat(pieces)
      const text = decodeName(bytes)
      expect([...encodeName(text)], `seed ${seed}`).to.deep.equal([...bytes])
      expect(
        decodeName(Uint8Array.from([0xe2, 0x82, ...bytes, 0xac, 0x61]), 2, 2 + bytes.length),
        `seed ${seed}`,
      ).to.equal(text)
      expect(JSON.parse(JSON.stringify(text))).to.equal(text)
    }
  })
})
