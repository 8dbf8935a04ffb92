/** A trace that is not of the filesystem it is used on is an error with a sentence, in every command that takes one. */
import { expect } from 'chai'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bootpack, makeStage, type Stage } from '../report/report-stage.js'
import { debugfsAll, makeImage, testUuid } from '../support/images.js'
import { needTools, scratchFolder } from '../support/tools.js'

const header = { bootpack: 'trace', version: 1, source: 'made up' }
const text = (lines: readonly object[]): string => lines.map((line) => JSON.stringify(line)).join('\n') + '\n'

describe('a trace that does not fit', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  const at = (name: string): string => join(scratch.path, name)
  after(scratch.remove)
  let stage: Stage
  before(async function () {
    needTools(this, 'mke2fs', 'debugfs')
    stage = await makeStage(scratch.path, 31)
  })

  /** Every command that uses a trace on a target, without changing it. */
  const uses = (image: string, trace: string): readonly (readonly string[])[] => [
    ['measure', image, '-t', trace],
    ['plan', image, '-t', trace, '--evict'],
    ['pack', image, '-t', trace, '--evict', '--dry-run'],
    ['check', image, '-t', trace, '--evict'],
    ['report', image, '-t', trace, '--json'],
    ['map', image, '-t', trace],
    ['preload', 'show', image, '-t', trace],
    ['trace', 'import', trace, '--target', image, '-o', at('imported.trace')],
  ]

  it('has most of its files missing: every command says how many, and goes on only when told to', () => {
    const reads = [...stage.boot.slice(0, 10), ...Array.from({ length: 11 }, (_, i) => `/gone/file${i}`)]
    writeFileSync(at('gone.trace'), text([header, ...reads.map((path) => ({ path, off: 0, kind: 'data' }))]))
    for (const words of uses(stage.before, at('gone.trace'))) {
      const { stderr, stdout } = bootpack(words, [2])
      if (words.includes('--json')) expect(stdout, words[0]).to.match(/"code": "trace-mostly-missing"/)
      else
        expect(stderr, words[0]).to.match(
          /11 of the 21 files the trace reads are not on this filesystem\.\n.*--any-trace/,
        )
      bootpack([...words, '--any-trace'], words[0] === 'check' ? [0, 3] : [0])
    }
    // One less, and it is a boot of which some files are gone.
    writeFileSync(
      at('some.trace'),
      text([header, ...reads.slice(0, 20).map((path) => ({ path, off: 0, kind: 'data' }))]),
    )
    bootpack(['measure', stage.before, '-t', at('some.trace')])
  })

  it('counts no names of other filesystems a boot reads: /proc, /sys, /dev, /run and /tmp', () => {
    const others = ['proc', 'sys', 'dev', 'run', 'tmp'].flatMap((top) =>
      Array.from({ length: 20 }, (_, i) => `/${top}/${i}`),
    )
    writeFileSync(at('strace.list'), [...stage.boot.filter((path) => path.startsWith('/usr')), ...others].join('\n'))
    expect(bootpack(['measure', stage.before, '-t', at('strace.list')]).stdout).to.match(/not there +100\n/)
  })

  it('is of another filesystem: names are taken, with a word about it, and numbers are not', () => {
    const uuid = '11111111-2222-4000-8000-000000000001'
    const foreign = { ...header, resolved: uuid }
    const named = stage.boot.map((path) => ({ ino: 12, path, off: 0, kind: 'data' }))
    const numbers = Array.from({ length: 7 }, (_, i) => ({ ino: 12 + i, off: 0, len: 4096, kind: 'data' }))
    const tables = [{ off: 4096 * 40, len: 4096, kind: 'metadata', what: 'inode-table' }]
    writeFileSync(at('other.trace'), text([foreign, ...named, ...numbers, ...tables]))
    writeFileSync(
      at('own.trace'),
      text([{ ...header, resolved: testUuid }, ...named.map(({ ino: _ino, ...read }) => read)]),
    )
    const measured = bootpack(['measure', stage.before, '-t', at('other.trace')])
    expect(measured.stderr).to.equal(
      `The trace was recorded on another filesystem (${uuid}): its files are taken by name; 8 reads that only had a number or a place there are left out.\n`,
    )
    const own = bootpack(['measure', stage.before, '-t', at('own.trace')])
    expect([own.stderr, own.stdout]).to.deep.equal(['', measured.stdout])
    expect(bootpack(['measure', stage.before, '-t', at('other.trace'), '--quiet']).stderr).to.equal('')

    writeFileSync(at('numbers.trace'), text([foreign, ...numbers]))
    for (const words of uses(stage.before, at('numbers.trace')))
      for (const more of [[], ['--any-trace']]) {
        const { stderr, stdout } = bootpack([...words, ...more], [2])
        expect(stderr + stdout, words[0]).to.match(/recorded on another filesystem \(11111111.*has only its numbers/)
      }
    const gone = Array.from({ length: 9 }, (_, i) => ({ path: `/else/${i}`, off: 0, kind: 'data' }))
    writeFileSync(at('strange.trace'), text([foreign, ...gone, ...named.slice(0, 3)]))
    expect(bootpack(['measure', stage.before, '-t', at('strange.trace')], [2]).stderr).to.match(
      /9 of the 12 files the trace reads are not on this filesystem, and it was recorded on another one \(11111111/,
    )
  })

  it('is a recording of blocks from before the packing: the layout disagrees', () => {
    // What a simulated disk logs: every block of the files, by its place.
    const plain = stage.boot.filter((path) => path.startsWith('/usr'))
    const blocks = debugfsAll(
      stage.before,
      plain.map((path) => `blocks "${path}"`),
    ).match(/^[\d ]+$/gm)!
    const log = blocks
      .flatMap((line) => line.trim().split(' '))
      .map((block, i) => `${(i / 1000).toFixed(6)} R ${Number(block) * 4096} 4096 dist=0`)
    writeFileSync(at('blocks.log'), log.join('\n') + '\n')
    expect(bootpack(['measure', stage.before, '-t', at('blocks.log')]).stderr).to.equal('')
    for (const words of uses(stage.packed, at('blocks.log'))) {
      const { stderr, stdout } = bootpack(words, [2])
      expect(stderr + stdout, words[0]).to.match(
        /names [\d,]+ blocks of the disk that hold nothing here.*another layout/,
      )
    }
    expect(existsSync(at('blocks.trace'))).to.equal(false)
    bootpack(['measure', stage.packed, '-t', at('blocks.log'), '--any-trace'])
    // Imported onto the layout it was recorded on, it fits both.
    bootpack(['trace', 'import', at('blocks.log'), '--target', stage.before, '-o', at('blocks.trace')])
    for (const image of [stage.before, stage.packed]) bootpack(['measure', image, '-t', at('blocks.trace')])
  })

  it('is a recording of the kernel from before the packing: directories it read are free blocks now', () => {
    const tree = at('folders')
    const folders = Array.from({ length: 60 }, (_, i) => `/f${i}`)
    for (const folder of folders) {
      mkdirSync(tree + folder, { recursive: true })
      writeFileSync(tree + folder + '/file', Buffer.alloc(8192, folder))
    }
    makeImage(at('raw.img'), { size: 32 << 20, blockSize: 4096, tree, more: ['-J', 'size=4'] })
    const stat = debugfsAll(
      at('raw.img'),
      folders.flatMap((folder) => [`stat ${folder}/file`, `blocks ${folder}`]),
    )
    const inodes = [...stat.matchAll(/Inode: (\d+)/g)].map((match) => Number(match[1]))
    const places = [...stat.matchAll(/^debugfs: blocks .*\n(\d+)/gm)].map((match) => Number(match[1]))
    expect([inodes.length, places.length]).to.deep.equal([60, 60])
    // In an order in which packing has something to gain.
    const reads = inodes.flatMap((ino, i) => [
      { off: places[i]! * 4096, len: 4096, kind: 'metadata' },
      { ino: inodes[(i * 7) % 60]!, off: 0, kind: 'data' },
    ])
    writeFileSync(at('raw.trace'), text([header, ...reads]))
    bootpack(['trace', 'import', at('raw.trace'), '--target', at('raw.img'), '-o', at('fit.trace')])
    copyFileSync(at('raw.img'), at('raw-packed.img'))
    bootpack(['pack', at('raw-packed.img'), '-t', at('fit.trace'), '--goal', '5000', '--force'])
    expect(bootpack(['measure', at('raw-packed.img'), '-t', at('fit.trace')]).stderr).to.equal('')
    expect(bootpack(['pack', at('raw-packed.img'), '-t', at('raw.trace'), '--evict'], [2]).stderr).to.match(
      /names [\d,]+ blocks of the disk that hold nothing here/,
    )
  })

  it('names blocks behind the end of a small filesystem', () => {
    const reads = Array.from({ length: 200 }, (_, i) => ({ off: (1 << 30) + i * 4096, len: 4096, kind: 'metadata' }))
    const own = stage.boot.slice(0, 5).map((path) => ({ path, off: 0, kind: 'data' }))
    writeFileSync(at('large.trace'), text([header, ...own, ...reads]))
    for (const words of uses(stage.before, at('large.trace'))) bootpack(words, [2])
    const before = readFileSync(stage.before)
    bootpack(['pack', stage.before, '-t', at('large.trace'), '--evict'], [2])
    expect(readFileSync(stage.before).equals(before)).to.equal(true)
  })
})
