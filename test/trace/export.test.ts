import { expect } from 'chai'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportTrace } from '../../src/trace/export/export-trace.js'
import { exportLines } from '../../src/trace/export/path-lists.js'
import { readTrace } from '../../src/trace/read-trace.js'
import { traceHeader, type Trace } from '../../src/trace/model/trace.js'
import { needTools, run, scratchFolder } from '../support/tools.js'
import { read, traceOf } from './support.js'

const text = (trace: Trace, format: 'list' | 'e4rat' | 'squashfs-sort'): string =>
  Buffer.concat([...exportLines(trace, format).lines]).toString('latin1')

describe('traces for other tools', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())

  const mixed = traceOf([
    read('/usr/bin/cut', 0, 4096),
    read('/a b', 8192),
    read('/usr/bin/cut', 4096),
    { ino: 9, off: 0, kind: 'data' },
    { ino: 9, off: 4096, kind: 'data' },
    { off: 0, len: 512, kind: 'metadata' },
    read('/new\nline'),
    read('/latin\udce9'),
    { ...read('/dir'), kind: 'directory' },
  ])

  it('list: each file once at its first read, as the bytes it has on disk', () => {
    expect(text(mixed, 'list')).to.equal('/usr/bin/cut\n/a b\n/latin\xe9\n/dir\n')
    expect(exportLines(mixed, 'list').exported).to.deep.equal({
      written: 4,
      skipped: { 'metadata-read': 1, 'no-path': 1, 'line-break-in-name': 1 },
    })
  })

  it('list: comes back as the same files in the same order', async () => {
    await exportTrace(mixed, 'list', join(scratch.path, 'list'))
    const back = await readTrace(join(scratch.path, 'list'))
    expect(back.reads.map(({ path }) => path)).to.deep.equal(['/usr/bin/cut', '/a b', '/latin\udce9', '/dir'])
  })

  it('e4rat: device and inode where all are known, plain paths otherwise', () => {
    const known: Trace = {
      ...traceOf([
        { ...read('/a b'), ino: 5 },
        { ...read('/c'), ino: 6, dev: '259:2' },
      ]),
      header: traceHeader('test', { root: '8:1' }),
    }
    expect(text(known, 'e4rat')).to.equal('2049 5 /a b\n66306 6 /c\n')
    expect(text({ ...known, reads: [...known.reads, read('/d')] }, 'e4rat')).to.equal('/a b\n/c\n/d\n')
  })

  it('native: everything, to the byte', async () => {
    const target = join(scratch.path, 'native.trace')
    expect(await exportTrace(mixed, 'native', target)).to.deep.equal({ written: 9, skipped: {} })
    expect((await readTrace(target)).reads).to.deep.equal(mixed.reads)
  })

  it('squashfs-sort: names as mksquashfs takes them, the first with the highest priority', () => {
    const many = traceOf(Array.from({ length: 32_770 }, (_, i) => read(`/f${i}`)))
    const lines = text(many, 'squashfs-sort').trimEnd().split('\n')
    expect([lines[0], lines[1], lines.at(-1)]).to.deep.equal(['f0 32767', 'f1 32766', 'f32769 1'])
    expect(text(traceOf([read('/#a b\\c')]), 'squashfs-sort')).to.equal('\\#a\\ b\\\\c 32767\n')
  })

  it('squashfs-sort: no folders, whose priority would be that of all below them', () => {
    expect(text(mixed, 'squashfs-sort')).to.equal('usr/bin/cut 32767\na\\ b 32766\nlatin\xe9 32765\n')
    expect(exportLines(mixed, 'squashfs-sort').exported).to.deep.include({ written: 3 })
    expect(exportLines(mixed, 'squashfs-sort').exported.skipped).to.include({ directory: 1 })
  })

  it('squashfs-sort: mksquashfs lays the files out in read order', async function () {
    needTools(this, 'mksquashfs')
    const tree = join(scratch.path, 'tree')
    mkdirSync(join(tree, 'a dir'), { recursive: true })
    const names = ['a dir/zeta', 'alpha', '#hash', 'back\\slash', 'm', 'z']
    for (const name of names) writeFileSync(join(tree, name), `stamp of ${name};`.padEnd(20_000, name))
    const order = ['z', '#hash', 'a dir/zeta', 'back\\slash', 'alpha', 'm']
    await exportTrace(traceOf(order.map((name) => read(`/${name}`))), 'squashfs-sort', join(scratch.path, 'sort'))
    run('mksquashfs', [
      tree,
      join(scratch.path, 'out.squashfs'),
      '-noI',
      '-noD',
      '-noF',
      '-noX',
      '-no-fragments',
      '-no-progress',
      '-sort',
      join(scratch.path, 'sort'),
    ])
    const image = readFileSync(join(scratch.path, 'out.squashfs'))
    const places = order.map((name) => image.indexOf(`stamp of ${name};`))
    expect(places.every((place) => place > 0)).to.equal(true)
    expect(places).to.deep.equal([...places].sort((a, b) => a - b))
  })
})
