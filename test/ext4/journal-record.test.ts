import { expect } from 'chai'
import { crc32c } from '../../src/bytes/crc32c.js'
import { fsBlock } from '../../src/layout/block.js'
import {
  encodeTransaction,
  logBlocksFor,
  tagBytes,
  type JournalFormat,
  type LoggedBlock,
} from '../../src/ext4/format/journal-record.js'

const uuid = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i)
const format = (wide: boolean, checksums: JournalFormat['checksums'], blockSize = 1024): JournalFormat => ({
  blockSize,
  wide,
  checksums,
  uuid,
})
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const block = (number: number, fill: number): LoggedBlock => [fsBlock(number), new Uint8Array(1024).fill(fill)]

describe('journal record', () => {
  it('has tags of the size jbd2 gives them', () => {
    expect(tagBytes(format(false, 'none'))).to.equal(8)
    expect(tagBytes(format(true, 'none'))).to.equal(12)
    expect(tagBytes(format(false, 'v2'))).to.equal(10)
    expect(tagBytes(format(true, 'v2'))).to.equal(14)
    expect(tagBytes(format(false, 'v3'))).to.equal(16)
    expect(tagBytes(format(true, 'v3'))).to.equal(16)
  })

  it('is what the format says, byte by byte', () => {
    const blocks = [block(0x3_0000_0011, 7), block(0x22, 8)]
    const { body, commit } = encodeTransaction(format(true, 'none'), 0x01020304, blocks, 0x5a5a5a5a)
    expect(hex(body[0]!.subarray(0, 12))).to.equal('c03b3998' + '00000001' + '01020304')
    expect(hex(body[0]!.subarray(12, 24))).to.equal('00000011' + '0000' + '0000' + '00000003')
    expect(hex(body[0]!.subarray(24, 40))).to.equal(hex(uuid))
    expect(hex(body[0]!.subarray(40, 56))).to.equal('00000022' + '0000' + '000a' + '00000000' + '00000000')
    expect(body[1]).to.deep.equal(blocks[0]![1])
    expect(body[2]).to.deep.equal(blocks[1]![1])
    expect(hex(commit.subarray(0, 12))).to.equal('c03b3998' + '00000002' + '01020304')
    expect(hex(commit.subarray(0x30, 0x38))).to.equal('000000005a5a5a5a')
  })

  it('covers copies by checksums as they lie in the log', () => {
    const magic = new Uint8Array(1024).fill(9)
    magic.set([0xc0, 0x3b, 0x39, 0x98])
    const { body } = encodeTransaction(format(false, 'v3'), 5, [[fsBlock(4), magic]], 0)
    expect(hex(body[1]!.subarray(0, 8))).to.equal('0000000009090909')
    expect(magic[0], "the caller's block").to.equal(0xc0)
    const seed = crc32c(crc32c(~0, uuid), Uint8Array.of(0, 0, 0, 5))
    const flags = '00000009'
    expect(hex(body[0]!.subarray(12, 28))).to.equal(
      '00000004' + flags + '00000000' + crc32c(seed, body[1]!).toString(16).padStart(8, '0'),
    )
    const tail = body[0]!.subarray(1020)
    const copy = new Uint8Array(body[0]!)
    copy.fill(0, 1020)
    expect(hex(tail)).to.equal(crc32c(crc32c(~0, uuid), copy).toString(16).padStart(8, '0'))
  })

  it('takes the room it says', () => {
    for (const wide of [false, true]) {
      for (const checksums of ['none', 'v2', 'v3'] as const) {
        for (const blockSize of [1024, 4096]) {
          for (const count of [1, 2, 60, 61, 62, 63, 80, 124, 248, 255, 339, 500, 1000]) {
            const kind = format(wide, checksums, blockSize)
            const blocks = Array.from({ length: count }, (_, i): LoggedBlock => [fsBlock(i), new Uint8Array(blockSize)])
            const { body } = encodeTransaction(kind, 1, blocks, 0)
            expect(body.length + 1, `${count} blocks, ${JSON.stringify({ wide, checksums, blockSize })}`).to.equal(
              logBlocksFor(kind, count),
            )
          }
        }
      }
    }
  })

  it('refuses a block number that its tags cannot hold', () => {
    expect(() => encodeTransaction(format(false, 'none'), 1, [block(0x1_0000_0000, 0)], 0)).to.throw(RangeError)
  })
})
