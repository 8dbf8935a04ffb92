import { expect } from 'chai'
import { ClaimList } from '../../src/ext4/ownership/claim-list.js'
import { Random } from '../support/random.js'

describe('a list of claims', () => {
  it('is put in order by start, and among equal starts by age, as a sort does', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = new Random(seed)
      const reach = [1, 5, 2047, 2048, 5_000_000, 2 ** 33, 2 ** 47][seed % 7]!
      const list = new ClaimList()
      const starts = Array.from(
        { length: random.between(0, 3000) },
        () => (random.below(2 ** 30) * Math.ceil(reach / 2 ** 30)) % reach,
      )
      starts.forEach((start, index) => list.add(start, 1, index, 0, 0))
      const sorted = starts.map((_, index) => index).sort((a, b) => starts[a]! - starts[b]! || a - b)
      expect([...list.order()], `seed ${seed}`).to.deep.equal(sorted)
    }
  })
})
