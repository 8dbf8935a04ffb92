import { expect } from 'chai'
import { lowerBound } from '../../src/lower-bound.js'
import { Random } from '../support/random.js'

describe('the binary search', () => {
  it('finds what looking at one after the other finds', () => {
    const random = new Random(7)
    for (let round = 0; round < 2000; round++) {
      const sorted = Array.from({ length: random.below(20) }, () => random.below(12)).sort((a, b) => a - b)
      const wanted = random.below(14) - 1
      const from = random.below(sorted.length + 1)
      const slow = sorted.findIndex((value, place) => place >= from && value >= wanted)
      expect(
        lowerBound(sorted.length, (place) => sorted[place]! >= wanted, from),
        `round ${round}`,
      ).to.equal(slow < 0 ? sorted.length : slow)
    }
  })
})
