import { expect } from 'chai'
import { compareBoots, comparisonSentence } from '../../src/boots/comparison.js'
import type { BootFigures } from '../../src/boots/figures.js'
import { median, rankTest } from '../../src/boots/rank-test.js'
import { Random } from '../support/random.js'

const boot = (n: number, seconds: number, packed: boolean, kernel = '6.1.0'): BootFigures => ({
  version: 1,
  bootId: `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`,
  started: new Date(1.7e12 + n * 1e7).toISOString(),
  kernel,
  times: { kernel: 1000, userspace: seconds * 1000 - 1000 },
  layout: { packed, preload: packed },
})
const boots = (before: number[], since: number[]): BootFigures[] => [
  ...before.map((seconds, i) => boot(i, seconds, false)),
  ...since.map((seconds, i) => boot(100 + i, seconds, true)),
]

describe('comparing boots', () => {
  it('says how much faster they have become', () => {
    const found = compareBoots(boots([75, 74, 70, 80, 73], [43, 44, 42, 43]))!
    expect(comparisonSentence(found)).to.equal(
      'Boots take 31 s less: 74 s before, 43 s since, medians of 5 and 4 boots.',
    )
    expect(found.p).to.be.closeTo(1 / 126, 1e-12)
  })

  it('says that they have become slower, too', () => {
    expect(compareBoots(boots([10, 11, 12], [20, 21, 22]))!.verdict).to.equal('slower')
  })

  it('claims nothing of two boots, or of times that overlap', () => {
    expect(compareBoots(boots([75, 74], [43, 44, 42]))!.verdict).to.equal('too-few')
    const found = compareBoots(boots([75, 44, 70], [43, 72, 42]))!
    expect(found.verdict).to.equal('not-told')
    expect(comparisonSentence(found)).to.match(/^The boots do not tell a difference: 70 s before, 43 s since/)
  })

  it('tells when the kernel has changed meanwhile', () => {
    const others = boots([75, 74, 73], [43, 44]).concat(boot(200, 42, true, '6.2.0'))
    expect(comparisonSentence(compareBoots(others)!)).to.match(/Not all of them had the same kernel\.$/)
  })

  it('compares nothing while nothing was changed', () => {
    expect(compareBoots(boots([75, 74, 73], []))).to.equal(undefined)
    expect(compareBoots([])).to.equal(undefined)
  })
})

describe('the rank test', () => {
  it('counts what going through every choice counts, ties included', () => {
    const source = new Random(4711)
    const random = (): number => source.fraction()
    for (let round = 0; round < 200; round++) {
      const draw = (n: number): number[] => Array.from({ length: n }, () => Math.floor(random() * 6))
      const lower = draw(1 + Math.floor(random() * 5))
      const higher = draw(1 + Math.floor(random() * 5))
      expect(rankTest(lower, higher)).to.be.closeTo(byEveryChoice(lower, higher), 1e-12)
    }
  })

  it('gives one in twenty for three that are all below three others', () => {
    expect(rankTest([1, 2, 3], [4, 5, 6])).to.be.closeTo(0.05, 1e-12)
  })

  it('knows the median of odd and even counts', () => {
    expect(median([3, 1, 2])).to.equal(2)
    expect(median([4, 1, 2, 3])).to.equal(2.5)
  })
})

function byEveryChoice(lower: readonly number[], higher: readonly number[]): number {
  const all = [...lower, ...higher]
  const rank = (value: number): number =>
    all.filter((each) => each < value).length + (all.filter((each) => each === value).length + 1) / 2
  const seen = lower.reduce((sum, value) => sum + rank(value), 0)
  let choices = 0
  let low = 0
  for (let mask = 0; mask < 1 << all.length; mask++) {
    const chosen = all.filter((_, i) => (mask >> i) & 1)
    if (chosen.length !== lower.length) continue
    choices++
    if (chosen.reduce((sum, value) => sum + rank(value), 0) <= seen + 1e-9) low++
  }
  return low / choices
}
