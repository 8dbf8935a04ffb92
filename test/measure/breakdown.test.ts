import { expect } from 'chai'
import { BootpackError } from '../../src/errors.js'
import { extent } from '../../src/layout/extent.js'
import type { FileLayout } from '../../src/layout/file-layout.js'
import { fixedShareName, shareCosts } from '../../src/measure/breakdown.js'
import type { BootRead } from '../../src/measure/boot-read.js'
import { parseDiskFile } from '../../src/measure/disk-file.js'
import { diskModels } from '../../src/measure/disk-model.js'
import { measureLayout } from '../../src/measure/measure.js'
import { Random } from '../support/random.js'

describe('shareCosts', () => {
  it('divides exactly what measureLayout counts, by file and by directory', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = new Random(seed)
      const layout = new Map(
        Array.from({ length: 12 }, (_, inode): [number, FileLayout] => [
          inode,
          {
            inode,
            path: `/d${inode % 3}/f${inode}`,
            kind: 'data',
            size: 1 << 20,
            tree: [],
            extents: [extent(0, random.between(0, 5000), 8), extent(8, random.between(6000, 9000), 8)],
          },
        ]),
      )
      const reads = Array.from({ length: 60 }, (): BootRead =>
        random.chance(0.2)
          ? { kind: 'device', inode: 0, block: random.between(20_000, 21_000), length: random.between(1, 3) }
          : { kind: 'data', inode: random.below(12), block: random.below(14), length: random.between(1, 6) },
      )
      const measure = measureLayout(reads, layout, { blockSize: 4096, blockCount: 100_000 })
      for (const by of ['file', 'directory'] as const) {
        const shares = shareCosts(reads, layout, by)
        const sum = (field: 'seeks' | 'seekDistanceBlocks' | 'readBlocks'): number =>
          shares.reduce((total, share) => total + share[field], 0)
        expect([sum('seeks'), sum('seekDistanceBlocks'), sum('readBlocks')], `seed ${seed} by ${by}`).to.deep.equal([
          measure.seeks,
          measure.seekDistanceBlocks,
          measure.readBlocks,
        ])
        expect(shares.length).to.be.at.most(by === 'file' ? 13 : 4)
        expect(shares.some(({ name }) => name === fixedShareName)).to.equal(reads.some(({ kind }) => kind === 'device'))
      }
    }
  })
})

describe('disk models', () => {
  const reads = [
    { start: 0 as never, length: 10 },
    { start: 500_000 as never, length: 10 },
  ]

  it('price a jump over the whole disk by the seek curve', () => {
    const model = diskModels.find(({ name }) => name === 'hdd-7200')!
    const transfer = (20 * 4096) / 120e3
    expect(model.milliseconds(reads, 4096, 500_000)).to.be.closeTo(
      0.5 + 14.5 * Math.sqrt(499_990 / 500_000) + 4.17 + transfer,
      1e-9,
    )
  })

  it('price a lazily loaded volume by the chunks it touches', () => {
    const model = diskModels.find(({ name }) => name === 'lazy:512k')!
    expect(model.milliseconds(reads, 4096, 500_000)).to.equal(40)
    expect(model.milliseconds([{ start: 127 as never, length: 2 }], 4096, 500_000)).to.equal(40)
    expect(model.milliseconds([{ start: 0 as never, length: 128 }], 4096, 500_000)).to.equal(20)
  })

  it('are read from a file, and refused with the field that is wrong', () => {
    const disk = parseDiskFile('{"name": "mine", "kind": "flash", "requestMs": 2, "megabytesPerSecond": 1}')
    expect(disk.milliseconds(reads, 1000, 1000)).to.equal(4 + 20)
    const cases: [string, RegExp][] = [
      ['nothing', /not JSON/],
      ['[]', /name/],
      ['null', /no object/],
      ['{"name": "x", "kind": "tape"}', /kind is "tape"/],
      ['{"name": "x", "kind": "toString"}', /kind is/],
      ['{"name": "x", "kind": "flash", "requestMs": -1, "megabytesPerSecond": 1}', /requestMs/],
      ['{"name": "x", "kind": "lazy", "chunkBytes": 0, "fetchMs": 1}', /chunkBytes is 0/],
    ]
    for (const [text, problem] of cases)
      expect(() => parseDiskFile(text), text)
        .to.throw(BootpackError, problem)
        .with.property('exitCode', 2)
  })
})
