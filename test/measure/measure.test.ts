import { expect } from 'chai'
import { extent } from '../../src/layout/extent.js'
import type { FileLayout } from '../../src/layout/file-layout.js'
import { fsBlock } from '../../src/layout/block.js'
import { measureLayout } from '../../src/measure/measure.js'
import { deviceReads } from '../../src/measure/device-reads.js'
import type { BootRead } from '../../src/measure/boot-read.js'
import { Random } from '../support/random.js'

const file = (inode: number, extents: FileLayout['extents'], more: Partial<FileLayout> = {}): [number, FileLayout] => [
  inode,
  { inode, kind: 'data', size: 1 << 30, extents, tree: [], ...more },
]

const whole = (inode: number): BootRead => ({ kind: 'data', inode, block: 0, length: 1 << 18 })
const volume = { blockSize: 4096, blockCount: 1_000_000 }

describe('measureLayout', () => {
  it('counts breaks and jumps by hand', () => {
    const layout = new Map([
      file(1, [extent(0, 100, 10), extent(10, 200, 5)]),
      file(2, [extent(0, 205, 5)]),
      file(3, [extent(0, 50, 2)]),
    ])
    const measure = measureLayout([whole(1), whole(2), whole(3)], layout, volume, 4)
    expect(measure).to.include({
      requests: 3,
      seeks: 2,
      seekDistanceBlocks: 90 + 160,
      readBlocks: 22,
      spanBlocks: 160,
      files: 3,
      missing: 4,
    })
  })

  it('reads nothing twice, and nothing for holes and unwritten extents', () => {
    const layout = new Map([file(1, [extent(0, 100, 10), extent(20, 110, 5, true), extent(25, 400, 1)])])
    expect(deviceReads([whole(1), whole(1)], layout)).to.deep.equal([
      { start: 100, length: 10 },
      { start: 400, length: 1 },
    ])
  })

  it('finds tree and attribute blocks and blocks of the device', () => {
    const layout = new Map([file(1, [], { tree: [fsBlock(7), fsBlock(9)], xattr: fsBlock(8) })])
    const reads: BootRead[] = [
      { kind: 'tree', inode: 1, block: 0, length: 1 },
      { kind: 'xattr', inode: 1, block: 0, length: 1 },
      { kind: 'tree', inode: 1, block: 1, length: 1 },
      { kind: 'device', inode: 0, block: 42, length: 2 },
    ]
    expect(deviceReads(reads, layout)).to.deep.equal([
      { start: 7, length: 3 },
      { start: 42, length: 2 },
    ])
  })

  it('splits what is larger than a request can be', () => {
    const layout = new Map([file(1, [extent(0, 0, 1000)])])
    const measure = measureLayout([whole(1)], layout, volume)
    expect(measure.requests).to.equal(Math.ceil((1000 * 4096) / (2560 * 512)))
    expect(measure.seeks).to.equal(0)
  })

  it('agrees with a block-by-block count on random layouts', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed)
      const layout = new Map(
        Array.from({ length: 8 }, (_, i) => {
          let logical = 0
          const extents = Array.from({ length: random.between(1, 6) }, () => {
            const length = random.between(1, 9)
            const made = extent(logical, (i * 7 + random.between(0, 200)) * 10, length)
            logical += length + random.between(0, 2)
            return made
          })
          return file(i, extents)
        }),
      )
      const reads = Array.from({ length: 20 }, (): BootRead => ({
        kind: 'data',
        inode: random.below(8),
        block: random.below(30),
        length: random.between(1, 12),
      }))
      let head: number | undefined
      let seeks = 0
      let distance = 0
      const seen = new Set<number>()
      for (const read of reads) {
        for (let block = read.block; block < read.block + read.length; block++) {
          const at = layout.get(read.inode)!.extents.find((e) => e.logical <= block && block < e.logical + e.length)
          if (!at) continue
          const physical = at.physical + block - at.logical
          if (seen.has(physical)) continue
          seen.add(physical)
          if (head !== undefined && head !== physical) {
            seeks++
            distance += Math.abs(physical - head)
          }
          head = physical + 1
        }
      }
      expect(measureLayout(reads, layout, volume), `seed ${seed}`).to.include({
        seeks,
        seekDistanceBlocks: distance,
        readBlocks: seen.size,
      })
    }
  })

  it('models nothing for an empty boot', () => {
    expect(measureLayout([], new Map(), volume)).to.include({ requests: 0, seeks: 0, spanBlocks: 0 })
  })
})
