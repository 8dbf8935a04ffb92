import { expect } from 'chai'
import { chooseDevice } from '../../src/trace/parse/choose-device.js'
import { readTrace } from '../../src/trace/read-trace.js'
import { parseTrace } from '../../src/trace/parse/parser.js'
import { fixture, fixtureLines, fixturePath } from './support.js'

/** A slow reader of the same text, sharing nothing with the importer: a regular expression and sets. */
function bruteForce(
  lines: readonly string[],
  root: string,
): { order: number[]; pages: Map<number, Set<number>>; first: Map<number, number>; metadata: Set<number> } {
  const [major, minor] = root.split(':').map(Number)
  const device = (major! * 2 ** 20 + minor!).toString(16)
  const found = {
    order: [] as number[],
    pages: new Map<number, Set<number>>(),
    first: new Map<number, number>(),
    metadata: new Set<number>(),
  }
  for (const line of lines) {
    const event =
      /\s(\d+)\.(\d{6}): mm_filemap_add_to_page_cache: dev (\d+:\d+) ino ([0-9a-f]+) .*ofs=(\d+) order=(\d+)$/.exec(
        line,
      )
    if (!event) continue
    const [, seconds, micros, dev, ino, ofs, order] = event
    const pages = Array.from({ length: 2 ** Number(order) }, (_, i) => Number(ofs) / 4096 + i)
    if (dev!.startsWith('0:') && ino === device) for (const page of pages) found.metadata.add(page)
    if (dev !== root || ino === '1') continue
    const inode = Number.parseInt(ino!, 16)
    if (!found.pages.has(inode)) {
      found.pages.set(inode, new Set())
      found.order.push(inode)
      found.first.set(inode, Number(seconds) * 1e6 + Number(micros))
    }
    for (const page of pages) found.pages.get(inode)!.add(page)
  }
  return found
}

describe("the kernel's trace as text", () => {
  for (const { name, root } of [
    { name: 'boot-tracefs.txt.gz', root: '254:0' },
    { name: 'tracefs-folios.txt.gz', root: fixture('tracefs-folios.device').toString().trim() },
  ]) {
    it(`reads ${name} as a slow reader does: files, order, pages, times, metadata`, async () => {
      const expected = bruteForce(fixtureLines(name), root)
      const trace = await readTrace(fixturePath(name), { device: root })
      expect(trace.bad.count).to.equal(0)
      expect(trace.header.root).to.equal(root)
      const pages = new Map<number, Set<number>>()
      const first = new Map<number, number>()
      const metadata = new Set<number>()
      for (const { ino, off, len, kind, t, dev } of trace.reads) {
        expect(dev).to.equal(undefined)
        if (kind === 'data' && !first.has(ino!)) {
          first.set(ino!, t!)
          pages.set(ino!, new Set())
        }
        const into = kind === 'data' ? pages.get(ino!)! : metadata
        for (let page = off / 4096; page < (off + len!) / 4096; page++) {
          expect(into.has(page), 'no page comes twice').to.equal(false)
          into.add(page)
        }
      }
      expect([...first.keys()]).to.deep.equal(expected.order)
      expect(first).to.deep.equal(expected.first)
      expect(pages).to.deep.equal(expected.pages)
      expect(metadata).to.deep.equal(expected.metadata)
      expect(metadata.size).to.be.above(200)
      expect(expected.order.length).to.be.above(name.startsWith('boot') ? 45 : 3)
    })
  }

  it('agrees with the table of the whole boot: order and times of the first files', async () => {
    const rows = fixtureLines('boot-files.tsv')
      .slice(1)
      .map((row) => row.split('\t'))
      .filter(([, path]) => path !== '?')
    const trace = await readTrace(fixturePath('boot-tracefs.txt.gz'))
    const first = new Map<number, number>()
    for (const { ino, t } of trace.reads) if (ino !== undefined && !first.has(ino)) first.set(ino, t!)
    // The last three files of the excerpt are from its 20 later lines.
    const count = first.size - 3
    expect(count).to.be.above(40)
    expect([...first].slice(0, count)).to.deep.equal(
      rows.slice(0, count).map(([ino, , seconds]) => [Number(ino), Math.round(Number(seconds) * 1e6)]),
    )
    expect(
      trace.reads.some(({ ino }) => ino === 0x296),
      'the thread named "rs:main Q:Reg" was read',
    ).to.equal(true)
  })

  it('finds the files a tool read with large folios', async () => {
    const names = new Map(
      fixtureLines('tracefs-folios.inodes').map((line) => [
        Number(line.slice(0, line.indexOf(' '))),
        line.slice(line.indexOf(' ') + 1),
      ]),
    )
    const trace = await readTrace(fixturePath('tracefs-folios.txt.gz'))
    const found = new Set(trace.reads.filter(({ kind }) => kind === 'data').map(({ ino }) => names.get(ino!)))
    for (const name of names.values()) expect(found).to.include(name)
    expect(fixtureLines('tracefs-folios.txt.gz').some((line) => /order=[1-9]/.test(line))).to.equal(true)
  })

  const page = (dev: string, ino: string, ofs: number, order = 0, time = '1.000000'): string =>
    `          cat-12      [000] .....     ${time}: mm_filemap_add_to_page_cache: dev ${dev} ino ${ino} pfn=0x1 ofs=${ofs} order=${order}\n`

  it('joins neighbours, keeps the first time, and leaves out what came before', () => {
    const { reads } = parseTrace(
      [
        page('8:1', '2f', 0, 0, '1.000001'),
        page('8:1', '2f', 4096, 1, '1.000002'),
        page('8:1', '30', 0, 0, '1.000003'),
        page('8:1', '2f', 0, 2, '1.000004'),
        page('8:1', '2f', 20480, 0, '1.5'),
      ].join(''),
      { format: 'tracefs' },
    )
    expect(reads.map(({ dev: _, ...read }) => read)).to.deep.equal([
      { t: 1000001, ino: 0x2f, off: 0, len: 12288, kind: 'data' },
      { t: 1000003, ino: 0x30, off: 0, len: 4096, kind: 'data' },
      { t: 1000004, ino: 0x2f, off: 12288, len: 4096, kind: 'data' },
      { t: 1500000, ino: 0x2f, off: 20480, len: 4096, kind: 'data' },
    ])
  })

  it('takes inodes that were loaded, each once, from a probe that the command line set', () => {
    const load = (fields: string, time = '1.000000'): string =>
      `          cat-12      [000] .....     ${time}: iget: (__ext4_iget+0x0/0xe60) ${fields}\n`
    const text =
      load('dev=0x800001 ino=47', '1.000001') +
      page('8:1', '2f', 0) +
      load('dev=0x800001 ino=48', '1.000002') +
      load('dev=0x800001 ino=47') +
      load('dev=0x800002 ino=49') +
      load('ino=50', '1.000003') +
      load('ino=-5') +
      load('ino=51 more=1')
    const { reads, facts } = parseTrace(text, { format: 'tracefs', pageSize: 4096, device: '8:1' })
    expect(reads.filter(({ what }) => what === 'inode')).to.deep.equal([
      { t: 1000001, ino: 47, off: 0, len: 1, kind: 'metadata', what: 'inode', dev: '8:1' },
      { t: 1000002, ino: 48, off: 0, len: 1, kind: 'metadata', what: 'inode', dev: '8:1' },
      { t: 1000003, ino: 50, off: 0, len: 1, kind: 'metadata', what: 'inode' },
    ])
    expect(reads).to.have.length(4)
    expect(facts.header.ignored).to.include({ 'other-device': 1 })
    // All devices, as a recorder asks for them: each with its own.
    const all = parseTrace(text, { format: 'tracefs', pageSize: 4096, device: 'all' })
    expect(all.reads.filter(({ what }) => what === 'inode').map(({ ino, dev }) => [ino, dev])).to.deep.equal([
      [47, '8:1'],
      [48, '8:1'],
      [49, '8:2'],
      [50, undefined],
    ])
    expect(all.facts.header.ignored).to.not.include.keys('other-device')
  })

  it('keeps repeats when asked', () => {
    const { reads } = parseTrace(page('8:1', '2f', 0) + page('8:1', '2f', 8192) + page('8:1', '2f', 0), {
      format: 'tracefs',
      repeats: true,
      pageSize: 4096,
    })
    expect(reads.map(({ off }) => off)).to.deep.equal([0, 8192, 0])
  })

  it("knows a partition's metadata by the number of the block device", () => {
    const text = page('0:3', '800001', 4096) + page('0:3', '800002', 4096) + page('8:1', '1', 0) + page('8:1', 'c', 0)
    const { reads, facts } = parseTrace(text, { format: 'tracefs', device: '8:1' })
    expect(reads).to.deep.equal([
      { t: 1e6, off: 4096, len: 4096, kind: 'metadata', dev: '8:1' },
      { t: 1e6, ino: 12, off: 0, len: 4096, kind: 'data', dev: '8:1' },
    ])
    expect(facts.header.ignored).to.deep.equal({ 'other-device': 1, 'buddy-cache': 1 })
  })

  it('chooses the device with most file data, and one in memory only if there is no other', async () => {
    const text =
      page('0:2', '40', 0, 9) + page('8:1', 'c', 0, 2) + page('8:17', 'c', 0, 3) + page('0:3', '800001', 0, 5)
    const trace = await readTrace(
      (async function* () {
        yield Buffer.from(text)
      })(),
    )
    expect(trace.header.root).to.equal('8:17')
    expect(trace.reads).to.deep.equal([{ t: 1e6, ino: 12, off: 0, len: 32768, kind: 'data' }])
    expect(trace.header.ignored).to.deep.equal({ 'other-device': 3 })
    const all = await readTrace(
      (async function* () {
        yield Buffer.from(text)
      })(),
      { device: 'all' },
    )
    expect(all.reads).to.have.length(4)
    expect(chooseDevice(new Map([['0:25', { reads: 1, data: 9, other: 0 }]]))).to.equal('0:25')
    expect(
      chooseDevice(
        new Map([
          ['8:1', { reads: 1, data: 0, other: 5 }],
          ['8:2', { reads: 1, data: 0, other: 9 }],
        ]),
      ),
    ).to.equal('8:2')
    expect(chooseDevice(new Map())).to.equal(undefined)
  })

  it('finds the page size of a machine with 16 KiB pages, and of one with 4 KiB and large folios', () => {
    const big = Array.from({ length: 40 }, (_, i) => page('8:1', 'c', i * 3 * 16384)).join('')
    expect(parseTrace(big, { format: 'tracefs' }).reads.map(({ len }) => len)).to.deep.equal(
      Array.from({ length: 40 }, () => 16384),
    )
    const folios = Array.from({ length: 40 }, (_, i) => page('8:1', 'c', i * 3 * 16384, 2)).join('')
    expect(parseTrace(folios, { format: 'tracefs' }).reads[1]!.len).to.equal(16384)
    const few = page('8:1', 'c', 65536) + page('8:1', 'c', 196608)
    expect(parseTrace(few, { format: 'tracefs' }).reads[0]!.len, 'too few to tell').to.equal(4096)
    // Neighbours tell sooner: a short recording of a machine with pages of 64 or 16 KiB.
    for (const size of [65536, 16384, 4096]) {
      const row = Array.from({ length: 6 }, (_, i) => page('8:1', 'c', i * size)).join('')
      expect(parseTrace(row + page('8:1', 'd', 0), { format: 'tracefs' }).reads.map(({ len }) => len)).to.deep.equal([
        6 * size,
        size,
      ])
    }
    expect(parseTrace(big, { format: 'tracefs', pageSize: 4096 }).reads[0]!.len).to.equal(4096)
  })

  it('reads perf script, trace-cmd report and older kernels', () => {
    const text = [
      '       perf-exec 10403 [001]  1333.683809: filemap:mm_filemap_add_to_page_cache: dev 8:1 ino 10 pfn=0x14c797 ofs=8192 order=0',
      '             cat-2211  [001]   100.000001: mm_filemap_add_to_page_cache:  dev 8:1 ino 11 page=0xffffea0001 pfn=57345 ofs=4096',
      'CPU:1 [LOST 42 EVENTS]',
      'cpus=2',
    ].join('\n')
    const { reads, facts } = parseTrace(text, { format: 'tracefs' })
    expect(reads.map(({ t, ino, off }) => [t, ino, off])).to.deep.equal([
      [1333683809, 16, 8192],
      [100000001, 17, 4096],
    ])
    expect(facts.header.lost).to.equal(42)
    expect(facts.bad.count).to.equal(0)
  })

  it('counts what the buffer lost', () => {
    const { facts } = parseTrace(
      `# tracer: nop\n# entries-in-buffer/entries-written: 100/350   #P:2\n${page('8:1', 'c', 0)}`,
    )
    expect(facts.format).to.equal('tracefs')
    expect(facts.header.lost).to.equal(250)
  })

  it('takes requests instead of pages when asked, moved to the partition', () => {
    const text = [
      '  kworker/0:1H-36  [000] .....  2.072668: block_rq_issue: 254,0 RA 4096 () 2048 + 16 [kworker/0:1H]',
      '  kworker/0:1H-36  [000] .....  2.072669: block_rq_issue: 254,0 FF 0 () 0 + 0 none,0,0 [kworker/0:1H]',
      '  kworker/0:1H-36  [000] .....  2.072670: block_rq_issue: 254,0 WS 4096 () 2048 + 16 none,0,0 [a) 3 + 9]',
      '  kworker/0:1H-36  [000] .....  2.072671: block_rq_issue: 254,0 FR 4096 () 4096 + 8 none,0,0 [a) 3 + 9]',
      '  kworker/0:1H-36  [000] .....  2.072672: block_rq_issue: 254,0 R 4096 () 0 + 8 [x]',
      '  kworker/0:1H-36  [000] .....  2.072673: block_rq_issue: 254,0 R 4096 (28 00) 99999999999999 + 8 [x]',
      page('254:0', 'c', 0),
    ].join('\n')
    const { reads, facts } = parseTrace(text, {
      format: 'tracefs',
      requests: true,
      partition: { start: 1048576, length: 2 ** 40 },
    })
    expect(reads.map(({ t, off, len, kind, dev }) => ({ t, off, len, kind, dev }))).to.deep.equal([
      { t: 2072668, off: 0, len: 8192, kind: 'metadata', dev: '254:0' },
      { t: 2072671, off: 1048576, len: 4096, kind: 'metadata', dev: '254:0' },
    ])
    expect(facts.header.ignored).to.deep.equal({ 'not-a-read': 2, 'outside-partition': 2, page: 1 })
  })

  it('counts damaged lines and goes on', () => {
    const good = page('8:1', 'c', 0)
    const bad = [
      'cat-1 [000] 1.0: mm_filemap_add_to_page_cache: dev 8:1 ino zz pfn=0x1 ofs=0 order=0',
      'cat-1 [000] 1.0: mm_filemap_add_to_page_cache: dev 8:1 ino c pfn=0x1 ofs=0 order=77',
      'cat-1 [000] 1.0: mm_filemap_add_to_page_cache: dev 8:1 ino c pfn=0x1 ofs=0 order=0 more',
      'cat-1 [000] 1.0: mm_filemap_add_to_page_cache: dev 8:1 ino c pfn=0x1 ofs=-4096 order=0',
      'cat-1 [000] 1.0: mm_filemap_add_to_page_cache: dev 8:1 ino fffffffffffffffff pfn=0x1 ofs=0 order=0',
      'cat-1 [000] 1.0: mm_filemap_add_to_page_',
      'a line of the console \x1b[2J',
    ]
    const { reads, facts } = parseTrace(good + bad.join('\r\n') + '\n' + page('8:1', 'd', 0), { format: 'tracefs' })
    expect(reads).to.have.length(2)
    expect(facts.bad.count).to.equal(7)
    expect(facts.bad.examples).to.have.length(5)
    expect(facts.bad.examples[0]).to.deep.equal({ line: 2, text: bad[0] })
  })

  it('shows a damaged line escaped and cut', () => {
    const { facts } = parseTrace(page('8:1', 'c', 0) + `\x1b]0;${'x'.repeat(300)}\n`, { format: 'tracefs' })
    expect(facts.bad.examples[0]!.text)
      .to.match(/^\\x1b\]0;x+…$/)
      .and.to.have.length.below(130)
  })
})
