import { traceDiffText } from '../../src/report/trace-diff.js'
import { expect } from 'chai'
import { diffTraces, inversions, longestIncreasing } from '../../src/trace/merge/diff.js'
import { mergeTraces } from '../../src/trace/merge/merge.js'
import { readTrace } from '../../src/trace/read-trace.js'
import { subtract, unionOf, type ByteRange } from '../../src/trace/model/byte-ranges.js'
import { summarizeTrace } from '../../src/trace/model/summary.js'
import { traceHeader, type Trace, type TraceRead } from '../../src/trace/model/trace.js'
import { fixturePath, numbers, read, traceOf } from './support.js'

const page = 4096

/** A boot over a few small files, in pages, some bytes read twice. */
function randomBoot(next: (limit: number) => number): Trace {
  return traceOf(
    Array.from({ length: 3 + next(12) }, (_, i) => read(`/f${next(4)}`, next(6) * page, (1 + next(4)) * page, i * 10)),
  )
}

/** Per page: support, and ranks among the pages with enough of it. */
function bruteMerge(boots: readonly Trace[], minSupport: number): { key: string; support: number; rank: number }[] {
  const orders = boots.map(({ reads }) => {
    const seen = new Set<string>()
    for (const { path, off, len } of reads) for (let at = off; at < off + len!; at += page) seen.add(`${path} ${at}`)
    return [...seen]
  })
  const support = new Map<string, number>()
  for (const order of orders) for (const key of order) support.set(key, (support.get(key) ?? 0) + 1)
  return [...support]
    .filter(([, count]) => count >= minSupport)
    .map(([key, count]) => ({ key, support: count, rank: 0 }))
}

const pagesOf = (reads: readonly TraceRead[]): Map<string, number> => {
  const pages = new Map<string, number>()
  for (const { path, off, len, support } of reads)
    for (let at = off; at < off + len!; at += page) pages.set(`${path} ${at}`, support!)
  return pages
}

describe('merging boots', () => {
  it('keeps exactly the pages enough boots read, with their support, each once', () => {
    const seed = Date.now() % 1e6
    const next = numbers(seed)
    for (let round = 0; round < 500; round++) {
      const boots = Array.from({ length: 1 + next(5) }, () => randomBoot(next))
      const minSupport = 1 + next(boots.length)
      const merged = mergeTraces(boots, { minSupport })
      const expected = new Map(bruteMerge(boots, minSupport).map(({ key, support }) => [key, support]))
      const total = merged.reads.reduce((sum, { len }) => sum + len! / page, 0)
      expect(total, `seed ${seed}: no page twice`).to.equal(expected.size)
      expect(pagesOf(merged.reads), `seed ${seed}`).to.deep.equal(expected)
    }
  })

  it('gives one boot back in its own order, and equal boots whatever their number', () => {
    const seed = Date.now() % 1e6
    const next = numbers(seed)
    for (let round = 0; round < 200; round++) {
      const boot = randomBoot(next)
      const inOrder = [...pagesOf(boot.reads.map((one) => ({ ...one, support: 1 }))).keys()]
      for (const count of [1, 2, 3]) {
        const merged = mergeTraces(Array.from({ length: count }, () => boot))
        expect([...pagesOf(merged.reads).keys()], `seed ${seed}`).to.deep.equal(inOrder)
      }
    }
  })

  it('orders by the median rank; what one boot read alone moves nothing', () => {
    const boot = (...names: string[]): Trace => traceOf(names.map((name, i) => read(`/${name}`, 0, page, i * 100)))
    const names = ({ reads }: Trace): string => reads.map(({ path }) => path!.slice(1)).join('')
    expect(names(mergeTraces([boot(...'abcd'), boot(...'abcd'), boot(...'dabc')]))).to.equal('abcd')
    expect(names(mergeTraces([boot(...'abc'), boot(...'xyzwvabc'), boot(...'acb')]))).to.equal('abc')
    expect(names(mergeTraces([boot(...'ab'), boot(...'ba')]))).to.equal('ab')
    expect(names(mergeTraces([boot(...'ab'), boot(...'c')], { minSupport: 1 }))).to.equal('acb')
    const merged = mergeTraces([boot(...'ab'), boot(...'abx'), boot(...'bx')])
    expect(merged.reads.map(({ path, support, t }) => [path, support, t])).to.deep.equal([
      ['/a', 2, 0],
      ['/b', 3, 100],
      ['/x', 2, 150],
    ])
    expect(merged.header).to.include({ source: 'merge', boots: 3, minSupport: 2 })
  })

  it('lets folders decide where boots disagree, whichever comes first', () => {
    const one = traceOf(['/x/1', '/b/1', '/a/2', '/a-b/1', '/a/1', '/y/1'].map((path) => read(path, 0, page)))
    const two = traceOf(['/x/1', '/a/1', '/a-b/1', '/a/2', '/b/1', '/y/1'].map((path) => read(path, 0, page)))
    const order = (...traces: Trace[]): (string | undefined)[] => mergeTraces(traces).reads.map(({ path }) => path)
    expect(order(one, two)).to.deep.equal(['/x/1', '/a-b/1', '/a/1', '/a/2', '/b/1', '/y/1'])
    expect(order(two, one)).to.deep.equal(order(one, two))
  })

  it('is the same for the same boots, and its times never run backwards', async () => {
    const boot = await readTrace(fixturePath('boot-tracefs.txt.gz'))
    const next = numbers(5)
    const other = traceOf([...boot.reads].sort(() => next(2) - 0.5))
    const merged = mergeTraces([boot, other, boot])
    expect(merged).to.deep.equal(mergeTraces([boot, other, boot]))
    let last = -1
    for (const { t } of merged.reads) {
      expect(t!).to.be.at.least(last)
      last = t!
    }
    // Where a read of another device stood between two that continue each other, they are now one.
    const joined: TraceRead[] = []
    for (const one of boot.reads) {
      const before = joined.at(-1)
      if (before && before.ino === one.ino && before.by === one.by && before.off + before.len! === one.off)
        joined[joined.length - 1] = { ...before, len: before.len! + one.len! }
      else joined.push(one)
    }
    expect(mergeTraces([boot]).reads.map(({ support: _, ...rest }) => rest)).to.deep.equal(joined)
  })

  it('knows files by path, by inode, and an inode by the path it has elsewhere', () => {
    const byInode: TraceRead = { ino: 7, off: 0, len: page, kind: 'data' }
    const merged = mergeTraces(
      [
        traceOf([{ ...read('/a', 0, page), ino: 7 }]),
        traceOf([byInode]),
        traceOf([{ ...read('/a', 0, page), ino: 8 }]),
      ],
      { minSupport: 3 },
    )
    expect(merged.reads).to.deep.equal([{ path: '/a', off: 0, len: page, kind: 'data', support: 3 }])
    // Two names of one number: the number alone tells neither.
    const links = mergeTraces(
      [
        traceOf([
          { ...read('/a', 0, page), ino: 7 },
          { ...read('/b', 0, page), ino: 7 },
        ]),
        traceOf([byInode]),
      ],
      { minSupport: 1 },
    )
    expect(links.reads).to.have.length(3)
    // The device, and an inode's tree, are no bytes of the file.
    const kinds = traceOf([
      byInode,
      { ...byInode, kind: 'metadata', what: 'tree' },
      { off: 0, len: page, kind: 'metadata' },
    ])
    expect(mergeTraces([kinds, kinds]).reads.map(({ kind, what }) => what ?? kind)).to.deep.equal([
      'data',
      'tree',
      'metadata',
    ])
  })

  it('takes reads to the end of a file', () => {
    const merged = mergeTraces(
      [traceOf([read('/a')]), traceOf([read('/a', 0, page), read('/a', 2 * page, page)]), traceOf([read('/b')])],
      { minSupport: 2 },
    )
    expect(merged.reads).to.deep.equal([
      { path: '/a', off: 0, len: page, kind: 'data', support: 2 },
      { path: '/a', off: 2 * page, len: page, kind: 'data', support: 2 },
    ])
    expect(mergeTraces([traceOf([read('/a')]), traceOf([read('/a')])]).reads).to.deep.equal([
      { path: '/a', off: 0, kind: 'data', support: 2 },
    ])
  })

  it('takes time as its reads, not their squares', () => {
    const reads = Array.from({ length: 40_000 }, (_, i) =>
      i % 2 === 0 ? read('/big', i * page, page) : read('/big', 0, 40_000 * page),
    )
    expect(mergeTraces([traceOf(reads), traceOf(reads)]).reads.length).to.be.above(0)
  })

  it('keeps what the headers agree on and adds what was lost', () => {
    const with_ = (lost: number, root: string): Trace => ({
      ...traceOf([read('/a')]),
      header: traceHeader('tracefs', { lost, root, kernel: '6.1' }),
      bad: { count: 2, examples: [] },
    })
    const merged = mergeTraces([with_(1, '8:1'), with_(2, '8:2')])
    expect(merged.header).to.deep.equal({
      bootpack: 'trace',
      version: 1,
      source: 'merge',
      kernel: '6.1',
      lost: 3,
      boots: 2,
      minSupport: 2,
      sources: ['tracefs'],
    })
    expect(merged.bad.count).to.equal(4)
  })

  it('refuses a support that cannot be', () => {
    expect(() => mergeTraces([])).to.throw('no trace to merge')
    for (const minSupport of [0, 3, 1.5, NaN])
      expect(() => mergeTraces([traceOf([]), traceOf([])], { minSupport })).to.throw('is not between 1 and 2')
  })
})

describe('comparing traces', () => {
  it('counts pairs out of order and finds a longest increasing part, as trying all does', () => {
    const seed = Date.now() % 1e6
    const next = numbers(seed)
    for (let round = 0; round < 200; round++) {
      const places = Array.from({ length: next(10) }, (_, i) => i).sort(() => next(2) - 0.5)
      let pairs = 0
      for (let i = 0; i < places.length; i++) for (let j = 0; j < i; j++) if (places[j]! > places[i]!) pairs++
      expect(inversions(places), `seed ${seed}`).to.equal(pairs)
      let longest = 0
      for (let mask = 0; mask < 2 ** places.length; mask++) {
        const some = places.filter((_, i) => mask & (1 << i))
        if (some.every((value, i) => i === 0 || some[i - 1]! < value)) longest = Math.max(longest, some.length)
      }
      const found = [...longestIncreasing(places)].sort((a, b) => a - b).map((i) => places[i]!)
      expect(found).to.have.length(longest)
      expect(found).to.deep.equal([...found].sort((a, b) => a - b))
    }
  })

  it('takes ranges from ranges as bytes do', () => {
    const seed = Date.now() % 1e6
    const next = numbers(seed)
    const some = (): ByteRange[] =>
      Array.from({ length: next(5) }, () => {
        const from = next(20)
        return { from, to: next(6) === 0 ? Infinity : from + next(8) }
      })
    const bytes = (ranges: readonly ByteRange[]): number[] =>
      Array.from({ length: 40 }, (_, i) => i).filter((i) => ranges.some(({ from, to }) => i >= from && i < to))
    for (let round = 0; round < 500; round++) {
      const [a, b] = [some(), some()]
      expect(bytes(unionOf(a)), `seed ${seed}`).to.deep.equal(bytes(a))
      expect(bytes(subtract(unionOf(a), unionOf(b)))).to.deep.equal(bytes(a).filter((i) => !bytes(b).includes(i)))
      const union = unionOf(a)
      for (let i = 1; i < union.length; i++) expect(union[i]!.from).to.be.above(union[i - 1]!.to)
    }
  })

  it('tells what one has and the other not, and what changed place', () => {
    const first = traceOf([
      read('/a', 0, 8192),
      read('/b', 0, 4096),
      read('/gone', 0, 100),
      read('/c'),
      { off: 0, len: 512, kind: 'metadata' },
    ])
    const second = traceOf([read('/b', 0, 4096), read('/c', 0, 4096), read('/a', 4096, 8192), read('/new', 0)])
    expect(diffTraces(first, second)).to.deep.equal({
      onlyFirst: [
        { path: '/gone', bytes: 100, toEnd: false },
        { device: true, bytes: 512, toEnd: false },
      ],
      onlySecond: [{ path: '/new', bytes: 0, toEnd: true }],
      common: 3,
      partsCompared: true,
      changed: [
        { path: '/a', first: { bytes: 4096, toEnd: false }, second: { bytes: 4096, toEnd: false } },
        { path: '/c', first: { bytes: 0, toEnd: true }, second: { bytes: 0, toEnd: false } },
      ],
      moved: [{ path: '/a', from: 0, to: 2 }],
      orderAgreement: 1 - 2 / 3,
    })
  })

  it('compares a list by files and order alone: it does not tell which parts are read', () => {
    const boot = traceOf([read('/a', 0, 8192), read('/b', 0, 4096), read('/gone', 0, 100)])
    const list = traceOf([read('/b'), read('/a')])
    const { changed, partsCompared, common, onlyFirst, orderAgreement } = diffTraces(boot, list)
    expect({ changed, partsCompared, common, orderAgreement }).to.deep.equal({
      changed: [],
      partsCompared: false,
      common: 2,
      orderAgreement: 0,
    })
    expect(onlyFirst.map(({ path }) => path)).to.deep.equal(['/gone'])
    expect(traceDiffText(diffTraces(boot, list), 10)).to.include('unknown: one of them names files')
  })

  it('finds nothing between a trace and itself', async () => {
    const boot = await readTrace(fixturePath('boot-tracefs.txt.gz'))
    const diff = diffTraces(boot, boot)
    expect(diff).to.include({ orderAgreement: 1 })
    expect([diff.onlyFirst, diff.onlySecond, diff.changed, diff.moved]).to.deep.equal([[], [], [], []])
    expect(diffTraces(traceOf([]), traceOf([])).orderAgreement).to.equal(1)
  })
})

describe('summing up a trace', () => {
  it('counts files, distinct bytes, kinds and times of a real boot', async () => {
    const boot = await readTrace(fixturePath('boot-tracefs.txt.gz'))
    const summary = summarizeTrace(boot, { slices: 10, top: 3 })
    const data = boot.reads.filter(({ kind }) => kind === 'data')
    expect(summary.reads).to.equal(boot.reads.length)
    expect(summary.files).to.equal(new Set(data.map(({ ino }) => ino)).size)
    expect(summary.bytes).to.equal(boot.reads.reduce((sum, { len }) => sum + len!, 0))
    expect(summary.kinds.data).to.deep.equal({
      reads: data.length,
      bytes: data.reduce((sum, { len }) => sum + len!, 0),
      toEnd: 0,
    })
    expect(summary.metadata['unresolved']!.reads).to.equal(summary.kinds.metadata!.reads)
    expect(summary.timeline).to.have.length(10)
    expect(summary.timeline.reduce((sum, { reads }) => sum + reads, 0)).to.equal(boot.reads.length)
    expect(summary.timeline.reduce((sum, { bytes }) => sum + bytes, 0)).to.equal(summary.bytes)
    expect(summary.firstTime).to.equal(boot.reads[0]!.t)
    expect(summary.topFiles).to.have.length(3)
    const perFile = new Map<number, number>()
    for (const { ino, len } of data) perFile.set(ino!, (perFile.get(ino!) ?? 0) + len!)
    expect(summary.topFiles.map(({ bytes }) => bytes)).to.deep.equal(
      [...perFile.values()].sort((a, b) => b - a).slice(0, 3),
    )
    expect(summary.ignored).to.deep.equal(boot.header.ignored)
  })

  it('counts bytes read twice once, and says what has no length or no time', () => {
    const summary = summarizeTrace(
      traceOf([read('/a', 0, 8192), read('/a', 4096, 8192), read('/list'), { ...read('/a', 0, 10), ino: 5 }]),
    )
    expect(summary).to.deep.include({ files: 2, bytes: 12288, filesToEnd: 1, timeline: [], lost: 0 })
    expect(summary.kinds.data).to.deep.equal({ reads: 4, bytes: 16394, toEnd: 1 })
    expect(summary.topFiles).to.deep.equal([
      { path: '/a', ino: 5, reads: 3, bytes: 12288, toEnd: false },
      { path: '/list', reads: 1, bytes: 0, toEnd: true },
    ])
    expect(summary).not.to.have.property('firstTime')
    expect(summarizeTrace(traceOf([])).files).to.equal(0)
    expect(summarizeTrace(traceOf([read('/a', 0, 1, 7)])).timeline).to.deep.equal([
      { from: 7, to: 8, reads: 1, bytes: 1 },
    ])
  })
})
