import { expect } from 'chai'
import { fsBlock } from '../../src/layout/block.js'
import { extent } from '../../src/layout/extent.js'
import type { FileLayout } from '../../src/layout/file-layout.js'
import type { BootRead } from '../../src/measure/boot-read.js'
import { measureLayout } from '../../src/measure/measure.js'
import { jumpsOf, readMarks } from '../../src/measure/read-marks.js'
import { seekHistogram } from '../../src/measure/seek-histogram.js'
import { Random } from '../support/random.js'

const blockCount = 100_000

/** Files in pieces anywhere, and a boot that reads parts of them, some twice, and fixed blocks between. */
function anyBoot(random: Random): { reads: BootRead[]; layout: Map<number, FileLayout> } {
  const layout = new Map<number, FileLayout>()
  const free = random.shuffled(Array.from({ length: 400 }, (_, i) => 1000 + i * 20))
  for (let inode = 12; inode < 12 + 30; inode++) {
    const extents = []
    let logical = 0
    for (let n = random.between(1, 5); n > 0; n--) {
      const length = random.between(1, 20)
      extents.push(extent(logical, free.pop()!, length, random.chance(0.1)))
      logical += length + (random.chance(0.2) ? random.between(1, 5) : 0)
    }
    layout.set(inode, {
      inode,
      kind: 'data',
      size: logical * 4096,
      extents,
      tree: random.chance(0.3) ? [fsBlock(free.pop()!), fsBlock(free.pop()!)] : [],
    })
  }
  const reads = Array.from({ length: 120 }, (_, i): BootRead => {
    const t = i * 700
    if (random.chance(0.15))
      return { t, kind: 'device', inode: 0, block: random.below(900), length: random.between(1, 3) }
    const inode = random.between(12, 41)
    if (random.chance(0.2)) return { t, kind: 'tree', inode, block: random.below(2), length: 1 }
    return { t, kind: 'data', inode, block: random.below(30), length: random.between(1, 40) }
  })
  return { reads, layout }
}

describe('readMarks', () => {
  it('is the boot block for block, told by hand', () => {
    const seed = Date.now() % 1_000_000
    const random = new Random(seed)
    for (let round = 0; round < 50; round++) {
      const { reads, layout } = anyBoot(random)
      // Block after block as a disk would be asked, the slow way.
      const seen = new Set<number>()
      const expected: { start: number; inode: number; block: number }[] = []
      const ask = (start: number, inode: number, block: number): void => {
        if (!seen.has(start)) expected.push({ start, inode, block })
        seen.add(start)
      }
      for (const { kind, inode, block, length } of reads) {
        for (let i = block; i < block + length; i++) {
          if (kind === 'device') ask(i, 0, i)
          else if (kind === 'tree' && layout.get(inode)!.tree[i] !== undefined)
            ask(layout.get(inode)!.tree[i]!, inode, i)
          else if (kind === 'data') {
            const found = layout
              .get(inode)!
              .extents.find(({ logical, length: many }) => logical <= i && i < logical + many)
            if (found && !found.unwritten) ask(found.physical + i - found.logical, inode, i)
          }
        }
      }
      const marks = readMarks(reads, layout)
      expect(
        marks.flatMap(({ start, length, inode, block }) =>
          Array.from({ length }, (_, i) => ({ start: start + i, inode, block: block + i })),
        ),
        `seed ${seed}`,
      ).to.deep.equal(expected)
      marks.forEach(({ at }, i) => expect(at).to.equal(marks.slice(0, i).reduce((sum, { length }) => sum + length, 0)))

      const measure = measureLayout(reads, layout, { blockSize: 4096, blockCount })
      const jumps = jumpsOf(marks)
      expect(jumps.length, `seeks, seed ${seed}`).to.equal(measure.seeks)
      expect(jumps.reduce((sum, { distance }) => sum + distance, 0)).to.equal(measure.seekDistanceBlocks)
      const bins = seekHistogram(
        jumps.map(({ distance }) => distance),
        blockCount,
      )
      bins.forEach(({ from, to, seeks, distanceBlocks }) => {
        const inside = jumps.filter(({ distance }) => from <= distance && distance < to)
        expect([seeks, distanceBlocks]).to.deep.equal([
          inside.length,
          inside.reduce((sum, { distance }) => sum + distance, 0),
        ])
      })
      expect(bins.at(-1)!.to).to.be.at.least(blockCount)
    }
  })

  it('tells which jumps have an end in what never moves', () => {
    const layout = new Map<number, FileLayout>([
      [12, { inode: 12, kind: 'data', size: 1 << 20, extents: [extent(0, 500, 2), extent(2, 600, 2)], tree: [] }],
    ])
    const reads: BootRead[] = [
      { kind: 'data', inode: 12, block: 0, length: 4 },
      { kind: 'device', inode: 0, block: 7, length: 1 },
    ]
    expect(jumpsOf(readMarks(reads, layout))).to.deep.equal([
      { distance: 98, fixed: false },
      { distance: 595, fixed: true },
    ])
  })

  it('keeps reads apart that continue each other much later', () => {
    const layout = new Map<number, FileLayout>([
      [12, { inode: 12, kind: 'data', size: 1 << 20, extents: [extent(0, 500, 9)], tree: [] }],
    ])
    const read = (t: number, block: number): BootRead => ({ t, kind: 'data', inode: 12, block, length: 1 })
    expect(
      readMarks([read(0, 0), read(500, 1), read(900_000, 2)], layout).map(({ t, length }) => [t, length]),
    ).to.deep.equal([
      [0, 2],
      [900_000, 1],
    ])
  })
})
