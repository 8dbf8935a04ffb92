import { expect } from 'chai'
import { SeenPages } from '../../src/trace/parse/seen-pages.js'
import { numbers } from './support.js'

/** All new runs of a range, as the collector asks for them. */
function claimAll(seen: SeenPages, space: number, id: number, from: number, to: number): [number, number][] {
  const runs: [number, number][] = []
  for (let at = from; seen.claim(space, id, at, to); at = seen.runEnd) runs.push([seen.runStart, seen.runEnd])
  return runs
}

describe('the table of seen pages', () => {
  it('tells what is new as a set of every page does', () => {
    const seed = Date.now() % 1e6
    const next = numbers(seed)
    const seen = new SeenPages()
    const brute = new Set<string>()
    for (let round = 0; round < 20_000; round++) {
      const space = next(3)
      const id = [7, 2 ** 33 + next(3), next(50)][next(3)]!
      const from = next(4) === 0 ? 2 ** 35 + next(100) : next(300)
      const to = from + 1 + next(next(5) === 0 ? 200 : 10)
      const expected: [number, number][] = []
      for (let page = from; page < to; page++) {
        const key = `${space} ${id} ${page}`
        if (brute.has(key)) continue
        brute.add(key)
        const last = expected.at(-1)
        if (last?.[1] === page) last[1]++
        else expected.push([page, page + 1])
      }
      expect(claimAll(seen, space, id, from, to), `seed ${seed} round ${round}`).to.deep.equal(expected)
    }
  })

  it('forgets rather than grows past its largest size', () => {
    const seen = new SeenPages(1 << 10)
    for (let id = 1; id <= 10_000; id++) expect(seen.claim(1, id, 0, 1)).to.equal(true)
    expect(seen.claim(1, 10_000, 0, 1), 'what came last is still known').to.equal(false)
    expect(seen.claim(1, 1, 0, 1), 'what came first is not').to.equal(true)
  })
})
