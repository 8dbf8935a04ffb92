/** What is written tells names of files and command lines: it is its owner's alone, whatever the umask. */
import { expect } from 'chai'
import { chmodSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { makeTracesFolder } from '../../src/collect/boot-traces.js'
import { isRoot, needTools, scratchFolder } from '../support/tools.js'
import { Workbench } from './workbench.js'

const modeOf = (path: string): number => lstatSync(path).mode & 0o777

/** Files and folders. */
const allBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))

describe('outputs are private', function () {
  this.timeout(120_000)
  const bench = new Workbench()

  before(async function () {
    needTools(this, 'mke2fs')
    await bench.make()
    bench.reset('aged')
  })
  after(() => bench.remove())

  it('every file and folder that a command makes is for its owner alone, with a umask that would leave all to all', () => {
    const before = new Set(allBelow(bench.work))
    mkdirSync(join(bench.work, 'home'))
    mkdirSync(join(bench.work, 'tmp'))
    before.add(join(bench.work, 'home')).add(join(bench.work, 'tmp'))
    for (const line of [
      'bootpack trace import boot.tracefs.gz --target disk.img -o imported.trace',
      'bootpack trace merge monday.trace friday.trace -o merged.trace.gz',
      'bootpack trace export boot.trace --to list -o list.txt',
      'bootpack trace export boot.trace --to parquet -o boots.parquet',
      'bootpack plan disk.img --trace boot.trace --evict -o alone.plan',
      'bootpack report disk.img --trace boot.trace -o before.html',
      'bootpack pack disk.img --trace boot.trace --evict --check -o new.plan --report after.html',
      'bootpack undo new.plan',
      'bootpack pack disk.img --trace boot.trace --evict --undo-file disk.e2undo',
      'bootpack trace rename boot.trace --target disk.img --save-table renames.tsv -o next.trace',
      'bootpack fleet add new-fleet/ --image router boot.trace',
      'bootpack fleet merge new-fleet/ --image router -o of-all.trace',
      'bootpack fleet show support new-fleet/ --image router --html fleet.html',
      ...(isRoot ? ['bootpack collect watch --target / --method mincore -o watched.trace -- true'] : []),
    ])
      bench.line(`umask 0; export HOME=$PWD/home TMPDIR=$PWD/tmp; ${line}`, [0])
    const made = allBelow(bench.work).filter((path) => !before.has(path))
    expect(made.map((path) => path.slice(bench.work.length + 1))).to.include.members([
      'imported.trace',
      'merged.trace.gz',
      'list.txt',
      'boots.parquet',
      'alone.plan',
      'before.html',
      'new.plan',
      'after.html',
      'disk.e2undo',
      'next.trace',
      'renames.tsv',
      'of-all.trace',
      'fleet.html',
      'new-fleet',
    ])
    for (const path of made) expect(modeOf(path) & 0o077, path).to.equal(0)
  })

  it('an output that replaces an earlier one keeps the permissions somebody gave that', () => {
    bench.reset('aged')
    bench.line('bootpack plan disk.img --trace boot.trace -o shown.plan', [0])
    chmodSync(join(bench.work, 'shown.plan'), 0o644)
    bench.line('bootpack plan disk.img --trace boot.trace -o shown.plan', [0])
    expect(modeOf(join(bench.work, 'shown.plan'))).to.equal(0o644)
  })

  it('the folder of traces is made for its owner alone, and one made for all is taken back', () => {
    const { path, remove } = scratchFolder()
    try {
      makeTracesFolder(join(path, 'new'))
      expect(modeOf(join(path, 'new'))).to.equal(0o700)
      mkdirSync(join(path, 'old'))
      chmodSync(join(path, 'old'), 0o755)
      makeTracesFolder(join(path, 'old'))
      expect(modeOf(join(path, 'old'))).to.equal(0o700)
    } finally {
      remove()
    }
  })
})
