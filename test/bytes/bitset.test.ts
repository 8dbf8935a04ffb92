import { expect } from 'chai'
import {
  clearBit,
  clearRange,
  countOnes,
  hasBit,
  nextOne,
  nextZero,
  oneRuns,
  setBit,
  setRange,
  zeroRuns,
} from '../../src/bytes/bitset.js'
import { Random } from '../support/random.js'

const size = 203

function randomRange(random: Random): [number, number] {
  const a = random.below(size + 1)
  const b = random.below(size + 1)
  return [Math.min(a, b), Math.max(a, b)]
}

describe('bitset', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`agrees with an array of booleans (seed ${seed})`, () => {
      const random = new Random(seed)
      const bits = new Uint8Array(Math.ceil(size / 8))
      const plain = new Array<boolean>(size).fill(false)
      for (let round = 0; round < 400; round++) {
        const [from, to] = randomRange(random)
        const one = random.below(size)
        switch (random.below(4)) {
          case 0:
            setRange(bits, from, to)
            plain.fill(true, from, to)
            break
          case 1:
            clearRange(bits, from, to)
            plain.fill(false, from, to)
            break
          case 2:
            setBit(bits, one)
            plain[one] = true
            break
          default:
            clearBit(bits, one)
            plain[one] = false
        }
        expect(plain.every((value, bit) => hasBit(bits, bit) === value)).to.equal(true)
        const [low, high] = randomRange(random)
        const inside = plain.slice(low, high)
        expect(countOnes(bits, low, high)).to.equal(inside.filter(Boolean).length)
        const one1 = inside.indexOf(true)
        expect(nextOne(bits, low, high)).to.equal(one1 < 0 ? high : low + one1)
        const zero1 = inside.indexOf(false)
        expect(nextZero(bits, low, high)).to.equal(zero1 < 0 ? high : low + zero1)
        expect([...oneRuns(bits, low, high)]).to.deep.equal(runsOf(inside, true, low))
        expect([...zeroRuns(bits, low, high)]).to.deep.equal(runsOf(inside, false, low))
      }
    })
  }
})

function runsOf(values: readonly boolean[], wanted: boolean, base: number): [number, number][] {
  const runs: [number, number][] = []
  values.forEach((value, i) => {
    if (value !== wanted) return
    if (i > 0 && values[i - 1] === wanted) runs.at(-1)![1]++
    else runs.push([base + i, 1])
  })
  return runs
}
