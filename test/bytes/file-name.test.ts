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
      expect([...encodeName(decodeName(Uint8Array.from(bytes)))], bytes.map((byte) => byte.toString(16)).join(' ')).to.deep.equal(bytes)
    }
  })
})
