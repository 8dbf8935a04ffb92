import { expect } from 'chai'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unitOf } from '../../src/trace/formats/task-table.js'
import { mergeTraces } from '../../src/trace/merge/merge.js'
import { readerShares } from '../../src/trace/model/reader-shares.js'
import type { Reader, TraceRead } from '../../src/trace/model/trace.js'
import { parseTrace, type ParseOptions } from '../../src/trace/parse/parser.js'
import { importTrace } from '../../src/trace/import-trace.js'
import { exportTrace } from '../../src/trace/export/export-trace.js'
import { readTrace } from '../../src/trace/read-trace.js'
import { readerTable } from '../../src/report/reader-table.js'
import { scratchFolder } from '../support/tools.js'
import { fixtureLines, fixturePath, read, traceOf } from './support.js'

const front = (name: string, task: number, leader?: number | '-------'): string =>
  `${name.padStart(16)}-${String(task).padEnd(7)} ${leader === undefined ? '' : `(${String(leader).padStart(7)}) `}[000] .....     1.000000: `
let next = 0
/** A page of a file nobody read before. */
const page = (name: string, task: number, leader?: number | '-------'): string =>
  `${front(name, task, leader)}mm_filemap_add_to_page_cache: dev 8:1 ino ${(++next + 64).toString(16)} pfn=0x1 ofs=0 order=0\n`
const start = (name: string, task: number, child: number, flags = 0): string =>
  `${front(name, task)}task_newtask: pid=${child} comm=${name} clone_flags=${flags.toString(16)} oom_score_adj=0\n`
const exec = (task: number, file: string): string =>
  `${front('x', task)}sched_process_exec: filename=${file} pid=${task} old_pid=${task}\n`
const attach = (task: number, path: string): string =>
  `${front('systemd', 1)}cgroup_attach_task: dst_root=1 dst_id=77 dst_level=2 dst_path=${path} pid=${task} comm=(x y) pid=3\n`

const readersOf = (text: string, options: Partial<ParseOptions> = {}): Reader[] =>
  parseTrace(text, { format: 'tracefs', pageSize: 4096, ...options }).reads.map(({ by, unit }) => ({
    ...(by !== undefined && { by }),
    ...(unit !== undefined && { unit }),
  }))

const thread = 0x10000
const intoCgroup = 0x2_0000_0000

describe('who reads', () => {
  it('is the task at the front of a line, whatever its name holds', () => {
    expect(
      readersOf(
        page('cat', 12) +
          page('rs:main Q:Reg', 734, 701) +
          page('a-b [000] 1.0:', 4_194_303) +
          page('kworker/u4:2-ev', 30) +
          page('<...>', 31) +
          page('sh', 32, '-------'),
      ),
    ).to.deep.equal([
      { by: 'cat' },
      { by: 'rs:main Q:Reg' },
      { by: 'a-b [000] 1.0:' },
      { by: 'kworker' },
      {},
      { by: 'sh' },
    ])
  })

  it('is the program that was run, by its path, and what it starts and its threads', () => {
    expect(
      readersOf(
        page('systemd', 1) +
          start('systemd', 1, 80) +
          page('(udevd)', 80) +
          exec(80, '/usr/lib/systemd/systemd-udevd') +
          page('systemd-udevd', 80) +
          start('systemd-udevd', 80, 81) +
          page('(udev-worker)', 81) +
          start('(udev-worker)', 81, 82, thread) +
          page('some-thread', 82) +
          exec(81, '/bin/with space pid=9') +
          page('some-thread', 82) +
          page('sleep', 85, 81),
      ).map(({ by }) => by),
    ).to.deep.equal([
      'systemd',
      '(udevd)',
      '/usr/lib/systemd/systemd-udevd',
      '/usr/lib/systemd/systemd-udevd',
      '/usr/lib/systemd/systemd-udevd',
      '/bin/with space pid=9',
      '/bin/with space pid=9',
    ])
  })

  it('is no descriptor and no path that leads from an unknown folder', () => {
    expect(readersOf(exec(5, '/proc/self/fd/9') + page('a', 5) + exec(5, './b') + page('b', 5))).to.deep.equal([
      { by: 'a' },
      { by: 'b' },
    ])
  })

  it('has the unit of its cgroup, handed on to what it starts', () => {
    expect(
      readersOf(
        attach(1, '/init.scope') +
          start('systemd', 1, 90) +
          page('(sh)', 90) +
          attach(90, '/system.slice/system-getty.slice/getty@tty1.service') +
          start('(sh)', 90, 91) +
          page('login', 91) +
          page('systemd', 1) +
          attach(91, '/user.slice/user-0.slice/session-1.scope') +
          page('login', 91),
      ).map(({ unit }) => unit),
    ).to.deep.equal(['init.scope', 'getty@tty1.service', 'init.scope', 'session-1.scope'])
  })

  it('started right into a cgroup, is known from what runs afterwards, or not at all', () => {
    const text =
      attach(1, '/init.scope') +
      start('systemd', 1, 90, intoCgroup) +
      start('systemd', 1, 91, intoCgroup) +
      page('a', 90) +
      page('b', 91)
    expect(readersOf(text, { tasks: { after: new Map([[90, { by: '/x', unit: 'a.service' }]]) } })).to.deep.equal([
      { by: 'a', unit: 'a.service' },
      { by: 'b' },
    ])
  })

  it('is known from before the recording, until it runs another program', () => {
    const before = new Map([[40, { by: '/usr/bin/old', unit: 'old.service' }]])
    expect(
      readersOf(page('new', 40) + exec(40, '/usr/bin/new') + page('new', 40), { tasks: { before } }),
    ).to.deep.equal([
      { by: '/usr/bin/old', unit: 'old.service' },
      { by: '/usr/bin/new', unit: 'old.service' },
    ])
  })

  it('is told of inodes that are loaded, and by lines of perf', () => {
    expect(
      readersOf(
        `${front('mount', 126, 126)}iget: (__ext4_iget+0x0/0xe60) dev=0x800001 ino=50\n` +
          '       perf-exec 10403 [001]  1333.683809: filemap:mm_filemap_add_to_page_cache: dev 8:1 ino 10 pfn=0x14c797 ofs=8192 order=0\n',
      ),
    ).to.deep.equal([{ by: 'mount' }, { by: 'perf-exec' }])
  })

  it('parts reads that continue each other', () => {
    const part = (name: string, task: number, ofs: number): string =>
      `${front(name, task)}mm_filemap_add_to_page_cache: dev 8:1 ino 2f pfn=0x1 ofs=${ofs} order=0\n`
    const { reads } = parseTrace(part('a', 1, 0) + part('a', 1, 4096) + part('b', 2, 8192) + part('b', 2, 12288), {
      format: 'tracefs',
      device: '8:1',
    })
    expect(reads.map(({ off, len, by }) => [off, len, by])).to.deep.equal([
      [0, 8192, 'a'],
      [8192, 8192, 'b'],
    ])
  })

  it('agrees with the names at the front of a recorded boot', async () => {
    const named = new Map<number, Set<string>>()
    for (const line of fixtureLines('boot-tracefs.txt.gz')) {
      const found = /^ *(.*?)-\d+ +\[.*add_to_page_cache: dev 254:0 ino ([0-9a-f]+)/.exec(line)
      if (!found) continue
      const inode = Number.parseInt(found[2]!, 16)
      named.set(inode, (named.get(inode) ?? new Set()).add(found[1]!))
    }
    const { reads } = await readTrace(fixturePath('boot-tracefs.txt.gz'))
    const found = new Map<number, Set<string>>()
    for (const { ino, by } of reads) if (ino !== undefined) found.set(ino, (found.get(ino) ?? new Set()).add(by!))
    expect(found.size).to.be.above(40)
    for (const [inode, names] of found) for (const name of names) expect([...named.get(inode)!]).to.include(name)
    expect(new Set(reads.map(({ by }) => by)).size).to.be.above(3)
  })

  it('knows systemd units by their cgroups', () => {
    expect(unitOf('/')).to.equal(undefined)
    expect(unitOf('/docker/0123abc')).to.equal(undefined)
    expect(unitOf('/system.slice')).to.equal(undefined)
    expect(unitOf('/system.slice/systemd-udevd.service/udev')).to.equal('systemd-udevd.service')
    expect(unitOf('/user.slice/user-1000.slice/user@1000.service/app.slice/x.service')).to.equal('user@1000.service')
    expect(unitOf('/system.slice/_cgroup.service')).to.equal('cgroup.service')
    expect(unitOf('/system.slice/boot-efi.mount')).to.equal('boot-efi.mount')
  })
})

describe('who reads, in traces', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())

  const reads: TraceRead[] = [
    { ...read('/a', 0, 4096, 10), by: '/usr/bin/a', unit: 'a.service' },
    { ...read('/a', 4096, 4096, 20), by: '/usr/bin/b' },
    { ino: 7, off: 0, len: 1, kind: 'metadata', what: 'inode', by: '/usr/bin/b', t: 30 },
    read('/c', 0, undefined, 40),
  ]

  it('comes through import and export as it was', async () => {
    const [first, second, third] = ['1.trace', '2.trace.gz', '3.trace'].map((name) => join(scratch.path, name))
    await exportTrace(traceOf(reads), 'native', first!)
    await importTrace(first!, second!)
    const trace = await readTrace(second!)
    await exportTrace(trace, 'native', third!)
    expect((await readTrace(third!)).reads).to.deep.equal(reads)
  })

  it('is no name that is none', async () => {
    const file = join(scratch.path, 'bad.trace')
    const line = (more: object): string => `${JSON.stringify({ path: '/x', ...more })}\n`
    writeFileSync(
      file,
      `{"bootpack":"trace","version":1,"source":"x"}\n${line({})}${line({ by: 5 })}${line({ unit: '' })}${line({ by: 'x'.repeat(5000) })}`,
    )
    const { reads: good, bad } = await readTrace(file)
    expect(good).to.have.length(1)
    expect(bad.count).to.equal(3)
  })

  it('is in a merged trace who read in most boots', () => {
    const boot = (first: string | undefined, second: string): TraceRead[] => [
      { ...read('/a', 0, 4096, 10), ...(first !== undefined && { by: first }) },
      { ...read('/a', 4096, 4096, 20), by: second },
    ]
    const { reads: merged } = mergeTraces([
      traceOf(boot('x', 'z')),
      traceOf(boot('y', 'z')),
      traceOf(boot('y', 'w')),
      traceOf(boot(undefined, 'z')),
    ])
    expect(merged.map(({ off, len, by, support }) => [off, len, by, support])).to.deep.equal([
      [0, 4096, 'y', 4],
      [4096, 4096, 'z', 4],
    ])
    const { reads: joined } = mergeTraces([traceOf(boot('z', 'z')), traceOf(boot('z', 'z'))])
    expect(joined.map(({ len, by }) => [len, by])).to.deep.equal([[8192, 'z']])
    const old = mergeTraces([traceOf([read('/a', 0, 1)]), traceOf([read('/a', 0, 1)])])
    expect(old.reads[0]).to.not.have.any.keys('by', 'unit')
  })

  it('is summed up by program and by unit', () => {
    expect(readerShares(traceOf(reads), 'program')).to.deep.equal(
      [
        { name: '/usr/bin/a', reads: 1, files: 1, bytes: 4096, toEnd: 0, inodes: 0, first: 10, last: 10 },
        { name: '/usr/bin/b', reads: 2, files: 1, bytes: 4096, toEnd: 0, inodes: 1, first: 20, last: 30 },
        { reads: 1, files: 1, bytes: 0, toEnd: 1, inodes: 0, first: 40, last: 40 },
      ].sort((a, b) => b.bytes - a.bytes || b.reads - a.reads),
    )
    const text = readerTable(readerShares(traceOf(reads), 'unit'), 'unit')
    expect(text).to.contain('a.service').and.to.contain('(not known)')
    for (const line of text.split('\n')) expect(line.length).to.be.at.most(80)
    expect(readerTable(readerShares(traceOf([read('/a')]), 'unit'), 'unit')).to.equal(
      'The trace does not know which unit read.',
    )
  })
})
