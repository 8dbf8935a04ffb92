import { expect } from 'chai'
import { extent, relocateExtents, type Extent } from '../../src/layout/extent.js'
import { fsBlock } from '../../src/layout/block.js'
import { fileRanges } from '../../src/plan/resolve/file-ranges.js'
import type { BootSet } from '../../src/plan/resolve/boot-set.js'
import { Random } from '../support/random.js'
import { paperTrees } from '../support/paper-disk.js'

const bootOf = (extents: readonly Extent[], reads: readonly [number, number][]): BootSet => ({
  reads: reads.map(([block, length]) => ({ kind: 'data', inode: 5, block, length })),
  files: [5],
  through: [],
  attributes: [],
  missing: [],
  blocks: { held: 0, nowhere: 0, besidesFiles: true },
  layout: new Map([[5, { inode: 5, kind: 'data', size: 1 << 30, extents, tree: [] }]]),
})

const logicals = (parts: readonly Extent[] | undefined): [number, number][] | undefined =>
  parts?.map(({ logical, length }) => [logical, length])

describe('fileRanges', () => {
  it('leaves a long unread head and tail behind', () => {
    expect(logicals(fileRanges(bootOf([extent(0, 100, 1000)], [[300, 200]]), paperTrees).get(5))).to.deep.equal([
      [300, 200],
    ])
  })

  it('keeps a file whole that is read whole, or all but a few blocks', () => {
    expect(fileRanges(bootOf([extent(0, 100, 1000)], [[0, 1000]]), paperTrees).has(5)).to.equal(false)
    expect(fileRanges(bootOf([extent(0, 100, 1000)], [[0, 995]]), paperTrees).has(5)).to.equal(false)
  })

  it('leaves out the longest gaps first and joins the rest', () => {
    const reads: [number, number][] = [
      [0, 10],
      [500, 10],
      [600, 10],
      [640, 10],
      [990, 10],
    ]
    expect(logicals(fileRanges(bootOf([extent(0, 100, 1000)], reads), paperTrees).get(5))).to.deep.equal([
      [0, 10],
      [500, 500],
    ])
  })

  it('keeps the bound of extents, and every block that is read, on random files', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new Random(seed)
      let logical = 0
      const extents = Array.from({ length: random.between(1, 6) }, () => {
        const made = extent(logical, random.between(1, 100) * 10_000, random.between(1, 400), random.chance(0.1))
        logical += made.length + (random.chance(0.2) ? random.between(1, 50) : 0)
        return made
      })
      const reads = Array.from({ length: random.between(1, 8) }, (): [number, number] => [
        random.below(logical),
        random.between(1, 60),
      ])
      const parts = fileRanges(bootOf(extents, reads), paperTrees).get(5)
      if (!parts) continue
      let at = 5_000_000
      const moves = parts.map((part) => {
        const to = fsBlock(at)
        at += part.length
        return { logical: part.logical, length: part.length, to }
      })
      const after = relocateExtents(extents, moves)
      const whole = relocateExtents(
        extents,
        extents
          .filter(({ unwritten }) => !unwritten)
          .reduce<{ at: number; moves: typeof moves }>(
            (sum, each) => ({
              at: sum.at + each.length,
              moves: [...sum.moves, { logical: each.logical, length: each.length, to: fsBlock(sum.at) }],
            }),
            { at: 5_000_000, moves: [] },
          ).moves,
      )
      expect(after.length, `seed ${seed}`).to.be.at.most(Math.max(4, whole.length))
      for (const [block, length] of reads) {
        for (let i = block; i < block + length; i++) {
          const holder = extents.find((each) => each.logical <= i && i < each.logical + each.length)
          if (!holder || holder.unwritten) continue
          expect(
            parts.some((part) => part.logical <= i && i < part.logical + part.length),
            `seed ${seed} block ${i}`,
          ).to.equal(true)
        }
      }
    }
  })
})
