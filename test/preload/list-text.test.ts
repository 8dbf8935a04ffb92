import { expect } from 'chai'
import { BootpackError } from '../../src/errors.js'
import { decodeName } from '../../src/bytes/file-name.js'
import { listText, parseList, type PreloadList } from '../../src/preload/list-text.js'
import { marker } from '../../src/preload/marker.js'
import { Random } from '../support/random.js'

const uuid = '0b00c0de-0000-4000-8000-0000000000ff'

describe('the list a boot reads', () => {
  it('is this text', () => {
    const list: PreloadList = {
      uuid,
      notes: ['a note'],
      ranges: [{ skip: 4, count: 12 }],
      files: [
        { path: '/etc/a b', first: 77, kib: 5 },
        { path: '/x\ny', first: 78, kib: 4, part: { skip: 3, count: 1 } },
        { path: '/é', first: 79, kib: 1 },
        { path: '/back\\slash', first: 80, kib: 1 },
      ],
    }
    const text = listText(list)
    expect(text.split('\n')).to.deep.equal([
      'bootpack-preload 1',
      `uuid ${uuid} \\0013\\0300\\0336\\0100\\0200\\0377`,
      marker,
      '# a note',
      'd 4 12',
      'f 5 77 /etc/a b',
      'P 4 78 3 1 \\0057\\0170\\0012\\0171',
      'F 1 79 \\0057\\0303\\0251',
      'f 1 80 /back\\slash',
      'end 10',
      '',
    ])
    expect(parseList(text)).to.deep.equal(list)
  })

  it('brings any name back', () => {
    const random = new Random(7)
    for (let i = 0; i < 300; i++) {
      const bytes = Uint8Array.from({ length: random.between(1, 40) }, () =>
        random.chance(0.5) ? random.between(0x20, 0x7e) : random.between(1, 255),
      )
      const path = `/${decodeName(bytes)}`
      const list: PreloadList = { uuid, notes: [], ranges: [], files: [{ path, first: i, kib: i }] }
      const text = listText(list)
      expect(text).to.match(/^[\x20-\x7e\n]*$/)
      expect(text.split('\n').length).to.equal(6)
      expect(parseList(text), `${i}`).to.deep.equal(list)
    }
  })

  it('is never longer than a boot reads', () => {
    const files = Array.from({ length: 400 }, (_, i) => ({ path: `/${'x'.repeat(2800)}`, first: i, kib: 1 }))
    expect(() => listText({ uuid, notes: [], ranges: [], files })).to.throw(
      BootpackError,
      'a boot reads no more than 1048576',
    )
    expect(listText({ uuid, notes: [], ranges: [], files: files.slice(0, 300) }).length).to.be.below(1 << 20)
  })

  it('is refused with the number of the line that is wrong', () => {
    const good = listText({
      uuid,
      notes: [],
      ranges: [{ skip: 4, count: 12 }],
      files: [{ path: '/a', first: 1, kib: 2 }],
    })
    const problem = (text: string): number | undefined => {
      try {
        parseList(text)
      } catch (error) {
        expect(error).to.be.instanceOf(BootpackError).with.property('family', 'corrupt')
        return (error as BootpackError).number
      }
      throw new Error('it was taken')
    }
    expect(problem('')).to.equal(1)
    expect(problem(good.slice(0, -8))).to.be.above(4)
    expect(problem(good.replace('\\0013', '\\0012'))).to.equal(2)
    expect(problem(good.replace('d 4 12', 'd 4 12345678901'))).to.equal(4)
    expect(problem(good.replace('d 4 12', 'd -4 12'))).to.equal(4)
    expect(problem(good.replace('f 2 1 /a', 'f 2 /a'))).to.equal(5)
    expect(problem(good.replace('f 2 1 /a', '$(reboot)'))).to.equal(5)
    expect(problem(good.replace('end 6', 'end 7'))).to.be.above(4)
  })
})
