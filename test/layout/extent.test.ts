import { expect } from 'chai'
import { extent, mergeExtents, relocateExtents, type Extent, type Relocation } from '../../src/layout/extent.js'
import { fileBlock, fsBlock } from '../../src/layout/block.js'
import { Random } from '../support/random.js'

/** Logical -> physical, block by block, the slow way. */
const byBlock = (extents: readonly Extent[]): Map<number, string> =>
  new Map(
    extents.flatMap(({ logical, physical, length, unwritten }) =>
      Array.from({ length }, (_, i): [number, string] => [logical + i, `${physical + i}${unwritten ? 'u' : ''}`]),
    ),
  )

function randomExtents(random: Random): Extent[] {
  const extents: Extent[] = []
  let logical = random.between(0, 3)
  for (let i = random.between(0, 8); i > 0; i--) {
    const length = random.between(1, 12)
    extents.push(extent(logical, random.between(1000, 9000), length, random.chance(0.2)))
    logical += length + (random.chance(0.4) ? random.between(1, 5) : 0)
  }
  return extents
}

describe('relocateExtents', () => {
  it('maps every block as a block-by-block move does', () => {
    for (let seed = 1; seed <= 400; seed++) {
      const random = new Random(seed)
      const extents = randomExtents(random)
      const moves: Relocation[] = []
      let at = 0
      while (at < 100) {
        at += random.between(0, 10)
        const length = random.between(1, 15)
        moves.push({ logical: fileBlock(at), length, to: fsBlock(random.between(20000, 30000)) })
        at += length
      }
      const expected = byBlock(extents)
      for (const { logical, length, to } of moves) {
        for (let i = 0; i < length; i++) {
          const old = expected.get(logical + i)
          if (old !== undefined) expected.set(logical + i, `${to + i}${old.endsWith('u') ? 'u' : ''}`)
        }
      }
      const moved = relocateExtents(extents, random.shuffled(moves), 10)
      expect(byBlock(moved), `seed ${seed}`).to.deep.equal(expected)
      expect(
        moved.every(({ length }) => length <= 12),
        `seed ${seed}: merged past the longest`,
      ).to.equal(true)
      expect(moved).to.deep.equal(mergeExtents(moved, 10))
    }
  })

  it('joins what becomes one run and never a written with an unwritten extent', () => {
    const extents = [extent(0, 100, 4), extent(4, 300, 4), extent(8, 500, 4, true)]
    const moves = [{ logical: fileBlock(4), length: 8, to: fsBlock(104) }]
    expect(relocateExtents(extents, moves)).to.deep.equal([extent(0, 100, 8), extent(8, 108, 4, true)])
  })
})
