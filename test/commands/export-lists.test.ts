/** Lists for those who read in advance, replayed by the programs they are for where those are here. */
import { expect } from 'chai'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { needTools, run, scratchFolder } from '../support/tools.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname

describe('lists for those who read in advance', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  after(() => scratch.remove())
  const at = (name: string): string => join(scratch.path, name)
  const names = ['usr/bin/init', 'etc/a b', 'etc/fstab', 'usr/lib/libc.so.6']
  const bootpack = (...words: string[]): ReturnType<typeof run> => run(process.execPath, [launcher, ...words])
  const exported = (format: string, ...more: string[]): string => {
    bootpack('trace', 'export', at('boot.list'), '--to', format, ...more, '-o', at(format))
    return readFileSync(at(format), 'utf8')
  }

  before(function () {
    needTools(this, 'mke2fs', 'debugfs')
    for (const name of names) {
      mkdirSync(join(at('tree'), name, '..'), { recursive: true })
      writeFileSync(join(at('tree'), name), Buffer.alloc(20_000, name))
    }
    run('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', at('tree'), at('disk.img'), '16M'])
    writeFileSync(at('boot.list'), names.map((name) => `/${name}\n`).join(''))
  })

  it('have the forms that nydus, overlaybd, eStargz and SOCI read', () => {
    expect(exported('nydus')).to.equal(names.map((name) => `/${name}\n`).join(''))
    expect(exported('overlaybd')).to.equal('/usr/bin/init\n/etc/fstab\n/usr/lib/libc.so.6\n')
    expect(exported('estargz')).to.equal(names.map((name) => `{"path":"${name}"}\n`).join(''))
    expect(JSON.parse(exported('soci'))).to.deep.equal(names.map((name) => `/${name}`))
    expect(JSON.parse(exported('nydus-optimize'))).to.deep.equal({
      version: 'v1',
      files: names.map((name) => ({ path: `/${name}` })),
    })
  })

  it('says what overlaybd would pass over in silence', () => {
    const { stderr } = bootpack('trace', 'export', at('boot.list'), '--to', 'overlaybd', '-o', at('overlaybd'))
    expect(stderr).to.equal('Left out: 1 unwritable name.\n')
    writeFileSync(
      at('long.list'),
      Array.from({ length: 2000 }, (_, i) => `/usr/share/a-name-of-some-length/${i}\n`).join(''),
    )
    const long = bootpack('trace', 'export', at('long.list'), '--to', 'overlaybd', '-o', at('overlaybd'))
    expect(long.stderr).to.match(/^Left out: \d+ files past the 64 KiB of a list\.\n$/)
    expect(readFileSync(at('overlaybd')).length).to.be.at.most(65_536)
  })

  it('tar-order makes tar write the boot first, in its order, folders before what is in them', function () {
    needTools(this, 'tar')
    exported('tar-order')
    const archive = run('tar', [
      '-C',
      at('tree'),
      '--null',
      '--no-recursion',
      '-T',
      at('tar-order'),
      '-cf',
      at('boot.tar'),
    ])
    expect(archive.stderr).to.equal('')
    const listed = run('tar', ['-tf', at('boot.tar')])
      .stdout.trim()
      .split('\n')
    expect(listed.filter((name) => !name.endsWith('/'))).to.deep.equal(names.map((name) => `./${name}`))
    expect(listed.indexOf('./usr/')).to.be.below(listed.indexOf('./usr/bin/'))
  })

  it('ranges are the blocks of the files, in their order, as debugfs has them', () => {
    const ranges = exported('ranges', '--target', at('disk.img'))
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number))
    const read = new Set(
      ranges.flatMap(([offset, length]) => Array.from({ length: length! / 1024 }, (_, i) => offset! / 1024 + i)),
    )
    for (const name of names) {
      const blocks = run('debugfs', ['-R', `blocks "/${name}"`, at('disk.img')])
        .stdout.trim()
        .split(/\s+/)
        .map(Number)
      expect(
        blocks.every((block) => read.has(block)),
        name,
      ).to.equal(true)
    }
    expect(JSON.parse(exported('ranges-json', '--target', at('disk.img')))).to.deep.equal({ version: 1, ranges })
  })

  it('an iolog is replayed by fio, to the byte', function () {
    needTools(this, 'fio')
    const text = exported('fio-iolog', '--target', at('disk.img'))
    const bytes = [...text.matchAll(/ read \d+ (\d+)\n/g)].reduce((sum, [, length]) => sum + Number(length), 0)
    const { stdout } = run('fio', [
      '--name=replay',
      `--read_iolog=${at('fio-iolog')}`,
      '--replay_no_stall=1',
      '--ioengine=psync',
      '--readonly',
      '--output-format=json',
    ])
    const answer = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { jobs: { read: { io_bytes: number } }[] }
    expect(answer.jobs[0]!.read.io_bytes).to.equal(bytes)
    expect(bytes).to.be.at.least(4 * 20_000)
  })

  it('counts from the start of the disk where the filesystem is in a partition', function () {
    needTools(this, 'sfdisk', 'dd')
    writeFileSync(at('whole.img'), '')
    run('truncate', ['-s', '20M', at('whole.img')])
    run('sh', ['-c', `echo 'start=2048, type=linux' | sfdisk -q --label gpt "$1"`, 'sh', at('whole.img')])
    run('dd', [`if=${at('disk.img')}`, `of=${at('whole.img')}`, 'bs=1M', 'seek=1', 'conv=notrunc', 'status=none'])
    const inside = exported('ranges', '--target', at('disk.img'))
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number))
    const whole = exported('ranges', '--target', at('whole.img'))
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number))
    expect(whole).to.deep.equal(inside.map(([offset, length]) => [offset! + (1 << 20), length]))
  })

  it('comes from a recording of a block device by itself, and says when there is nothing to tell', () => {
    writeFileSync(
      at('device.trace'),
      `${JSON.stringify({ bootpack: 'trace', version: 1, source: 'vm' })}\n${[0, 4096, 65_536].map((off) => JSON.stringify({ off, len: 4096, kind: 'metadata' })).join('\n')}\n`,
    )
    bootpack('trace', 'export', at('device.trace'), '--to', 'ranges', '-o', at('ranges'))
    expect(readFileSync(at('ranges'), 'utf8')).to.equal('0 8192\n65536 4096\n')
    const none = run(
      process.execPath,
      [launcher, 'trace', 'export', at('boot.list'), '--to', 'ranges', '-o', at('ranges')],
      { ok: [2] },
    )
    expect(none.stderr).to.match(/where those lie was not said[^]*--target/)
  })
})
