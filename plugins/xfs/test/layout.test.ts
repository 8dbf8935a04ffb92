/** The arithmetic of extents, against counting byte by byte. */
import { expect } from 'chai'
import type { XfsExtent } from '../src/kernel/getbmapx.js'
import { Random } from '../../../test/support/random.js'
import { countExtents, distanceFrom, fewestExtents, partsOf, stretchesOf, withinSize } from '../src/fsr/layout.js'
import { worstFirst } from '../src/fsr/pass.js'

const block = 4096

/** A file as a string: '.' hole, 'w' written, 'u' unwritten, and where each block lies. */
function randomFile(random: Random): { kinds: string; extents: XfsExtent[] } {
  const kinds = Array.from({ length: random.between(1, 40) }, () => random.pick(['.', 'w', 'w', 'w', 'u'])).join('')
  const extents: XfsExtent[] = []
  let place = 0
  for (const [i, kind] of [...kinds].entries()) {
    if (kind === '.') continue
    place = random.chance(0.6) ? place + 1 : random.below(100_000)
    extents.push({ logical: i * block, physical: place * block, length: block, unwritten: kind === 'u', shared: false })
  }
  return { kinds, extents }
}

describe('fsr: layouts', () => {
  it('parts, stretches and the fewest extents are what a look at each block gives', () => {
    const seed = Date.now() % 1_000_000
    const random = new Random(seed)
    for (let round = 0; round < 500; round++) {
      const { kinds, extents } = randomFile(random)
      const hint = `seed ${seed}: ${kinds}`
      const parts = [...kinds.matchAll(/w+|u+/g)].map(({ index, 0: text }) => ({
        from: index * block,
        length: text.length * block,
        unwritten: text[0] === 'u',
      }))
      expect(partsOf(extents), hint).to.deep.equal(parts)
      expect(fewestExtents(extents, block), hint).to.equal(parts.length)
      expect(stretchesOf(extents), hint).to.deep.equal(
        [...kinds.matchAll(/[wu]+/g)].map(({ index, 0: text }) => ({
          from: index * block,
          length: text.length * block,
        })),
      )
      let count = 0
      extents.forEach((each, i) => {
        const last = extents[i - 1]
        if (
          !last ||
          last.logical + block !== each.logical ||
          last.physical + block !== each.physical ||
          last.unwritten !== each.unwritten
        )
          count++
      })
      expect(countExtents(extents), hint).to.equal(count)
      const size = random.between(1, kinds.length * block)
      expect(
        withinSize(extents, size, block).map(({ logical }) => logical),
        hint,
      ).to.deep.equal(extents.map(({ logical }) => logical).filter((logical) => logical < size))
    }
  })

  it('an extent has no more than 2^21 - 1 blocks', () => {
    const long: XfsExtent = { logical: 0, physical: 0, length: 2 ** 22 * block, unwritten: false, shared: false }
    expect(fewestExtents([long], block)).to.equal(3)
  })

  it('distance is the mean over all blocks', () => {
    const at = (physical: number, blocks: number): XfsExtent => ({
      logical: physical * block,
      physical: physical * block,
      length: blocks * block,
      unwritten: false,
      shared: false,
    })
    expect(distanceFrom(100, [at(100, 1)], block)).to.equal(0)
    expect(distanceFrom(100, [at(110, 1), at(90, 1)], block)).to.equal(10)
    expect(distanceFrom(0, [at(10, 3)], block)).to.equal(11)
  })

  it('of a batch the files with most extents come first, and only those with more than one', () => {
    const inode = (number: number, extents: number, mode = 0o100644): Parameters<typeof worstFirst>[0][number] => ({
      inode: number,
      extents,
      mode,
      generation: 1,
      uid: 0,
      gid: 0,
      projectId: 0,
      links: 1,
      size: 1,
      blocks: 1,
      xflags: 0,
      forkOffset: 0,
      mtime: { seconds: 0n, nanoseconds: 0 },
      ctime: { seconds: 0n, nanoseconds: 0 },
    })
    expect(
      worstFirst([inode(1, 2), inode(2, 9), inode(3, 1), inode(4, 50, 0o040755), inode(5, 9)]).map(
        ({ inode }) => inode,
      ),
    ).to.deep.equal([2, 5, 1])
  })
})
