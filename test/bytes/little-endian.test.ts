import { expect } from 'chai'
import { getU16, getU32, getU64, putU16, putU32, putU64 } from '../../src/bytes/little-endian.js'

describe('little-endian numbers', () => {
  it('are what a DataView reads and writes', () => {
    const bytes = new Uint8Array(16)
    const view = new DataView(bytes.buffer)
    putU16(bytes, 1, 0xfedc)
    putU32(bytes, 3, 0xfedc_ba98)
    putU64(bytes, 7, 0x1f_ffff_0102_0304)
    expect(view.getUint16(1, true)).to.equal(0xfedc)
    expect(view.getUint32(3, true)).to.equal(0xfedc_ba98)
    expect(view.getBigUint64(7, true)).to.equal(0x1f_ffff_0102_0304n)
    expect([getU16(bytes, 1), getU32(bytes, 3), getU64(bytes, 7)]).to.deep.equal([
      0xfedc, 0xfedc_ba98, 0x1f_ffff_0102_0304,
    ])
  })

  it('that do not fit are not cut', () => {
    const bytes = new Uint8Array(8)
    expect(() => putU16(bytes, 0, 0x1_0000)).to.throw(RangeError)
    expect(() => putU32(bytes, 0, 2 ** 32)).to.throw(RangeError)
    expect(() => putU32(bytes, 0, -1)).to.throw(RangeError)
    expect(() => putU64(bytes, 0, 2 ** 53)).to.throw(RangeError)
    expect([...bytes]).to.deep.equal(new Array(8).fill(0))
  })
})
