/** The report as a user gets it, in each of its kinds, judged by debugfs where it tells of blocks. */
import { expect } from 'chai'
import { copyFileSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { engines } from '../../src/engines.js'
import type { Plan } from '../../src/plan/plan.js'
import { openVolume } from '../../src/volume/open-volume.js'
import type { ReportData } from '../../src/report/report-data.js'
import { bootpack, makeStage, missingName, type Stage } from '../report/report-stage.js'
import { debugfsAll, makeImage, testUuid } from '../support/images.js'
import { needTools, scratchFolder } from '../support/tools.js'

describe('bootpack report', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  const at = (name: string): string => join(scratch.path, name)
  after(scratch.remove)
  let stage: Stage
  before(async function () {
    needTools(this, 'mke2fs', 'debugfs')
    stage = await makeStage(scratch.path, 8)
  })
  const report = (args: readonly string[]): ReportData =>
    JSON.parse(bootpack(['report', ...args, '--json']).stdout) as ReportData
  const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0)

  /** Physical blocks of files in file order, told by debugfs. */
  function blocksOf(image: string, paths: readonly string[]): Map<string, number[]> {
    const told = debugfsAll(
      image,
      paths.map((path) => `dump_extents -l "${path}"`),
    )
      .split(/^debugfs: dump_extents .*$/m)
      .slice(1)
    return new Map(
      paths.map((path, i) => [
        path,
        [...told[i]!.matchAll(/^.*\d+ - +\d+ +(\d+) - +(\d+) +\d+ *$/gm)].flatMap(([, first, last]) =>
          Array.from({ length: Number(last) - Number(first) + 1 }, (_, n) => Number(first) + n),
        ),
      ]),
    )
  }

  const expectTold = (image: string, { marks }: ReportData['layouts'][number], files: readonly string[]): void => {
    const plain = stage.boot.filter((path) => path.startsWith('/usr'))
    const told = blocksOf(image, plain)
    for (const path of plain) {
      const own = marks.filter(({ kind, file }) => kind === 'data' && files[file!] === path)
      expect(
        own.flatMap(({ start, length }) => Array.from({ length }, (_, i) => start + i)),
        path,
      ).to.deep.equal(told.get(path))
      expect(told.get(path)).to.not.be.empty
    }
  }

  it('shows the layout as it is, block for block', () => {
    const { kind, layouts, files, moved, plan } = report([stage.before, '--trace', stage.trace])
    expect([kind, layouts.length, moved.length, plan]).to.deep.equal(['now', 1, 0, undefined])
    expectTold(stage.before, layouts[0]!, files)
  })

  it('shows the same before and after, from the plan, from packing and from two copies', () => {
    const planned = report([stage.before, '--trace', stage.trace, '--plan', stage.plan])
    const applied = report([stage.packed, '--trace', stage.trace, '--plan', stage.plan])
    const two = report(['--before', stage.before, '--after', stage.packed, '--trace', stage.trace])
    expect([planned.kind, applied.kind, two.kind]).to.deep.equal(['predicted', 'applied', 'compared'])
    const { measure } = JSON.parse(readFileSync(stage.plan, 'utf8')) as {
      measure: { before: unknown; predicted: unknown }
    }
    expect(planned.layouts.map((layout) => layout.measure)).to.deep.equal([measure.before, measure.predicted])
    expect(two.layouts.map((layout) => layout.measure)).to.deep.equal(planned.layouts.map((layout) => layout.measure))
    expect(applied.layouts.map((layout) => layout.marks.filter(({ kind }) => kind === 'data'))).to.deep.equal(
      planned.layouts.map((layout) => layout.marks.filter(({ kind }) => kind === 'data')),
    )
    expect(applied.placed!.placedBlocks).to.equal(applied.placed!.totalBlocks)
    expect(planned.placed!.placedBlocks).to.equal(0)
    expect(stage.data.layouts).to.deep.equal(two.layouts)
  })

  it('takes a plan back that was carried out in part', async () => {
    const { rounds } = JSON.parse(readFileSync(stage.plan, 'utf8')) as Plan
    copyFileSync(stage.before, at('part.img'))
    const volume = await openVolume(at('part.img'), { write: true }, engines)
    for await (const { status } of volume.relocate(rounds[0]!, { reserved: [] })) expect(status).to.equal('moved')
    await volume.close()
    const part = report([at('part.img'), '--trace', stage.trace, '--plan', stage.plan])
    expect(part.kind).to.equal('applied')
    expect(part.placed!.placedBlocks).to.be.within(1, part.placed!.totalBlocks - 1)
    const data = ({ layouts }: ReportData, i: number): unknown =>
      layouts[i]!.marks.filter(({ kind }) => kind === 'data')
    expect(data(part, 0)).to.deep.equal(data(stage.data, 0))
    expect(data(part, 1)).to.not.deep.equal(data(stage.data, 1))
    bootpack(['report', at('part.img'), '--trace', stage.trace, '--plan', stage.plan, '-o', at('part.html')])
    expect(readFileSync(at('part.html'), 'utf8')).to.match(/carried out in part: [\d,]+ of [\d,]+ blocks/)
  })

  it('lists what moved and what it cost, as the disk tells it', () => {
    const { moved, plan, skipped } = stage.data
    expect(sum(moved.filter(({ why }) => why === 'boot').map(({ blocks }) => blocks))).to.equal(plan!.cost.placedBlocks)
    expect(sum(moved.filter(({ why }) => why === 'evict').map(({ blocks }) => blocks))).to.equal(
      plan!.cost.evictedBlocks,
    )
    expect(skipped).to.deep.equal([{ path: missingName, kind: 'data', reason: 'missing', blocks: 0 }])
    const data = moved.filter(({ kind, path }) => kind === 'data' && /^\/[\w/.]+$/.test(path ?? ''))
    const paths = data.map(({ path }) => path!)
    const [before, after] = [blocksOf(stage.before, paths), blocksOf(stage.packed, paths)]
    expect(data.length).to.be.greaterThan(40)
    for (const { path, blocks, from, to } of data) {
      const [old, now] = [before.get(path!)!, after.get(path!)!]
      const changed = old.flatMap((block, i) => (block === now[i] ? [] : [i]))
      expect(blocks, path).to.be.at.least(changed.length)
      expect(old, path).to.include(from)
      expect(now, path).to.include(to)
      if (blocks === changed.length) expect([old[changed[0]!], now[changed[0]!]], path).to.deep.equal([from, to])
    }
  })

  it('finds files by name on another filesystem, and leaves out what has no counterpart', () => {
    // The same tree made anew, with other blocks, other inode numbers and another UUID.
    makeImage(at('anew.img'), {
      size: 48 << 20,
      blockSize: 1024,
      tree: at('tree'),
      more: ['-U', '0b00c0de-2222-4000-8000-000000000002', '-N', '600'],
    })
    const other = report(['--before', stage.before, '--after', at('anew.img'), '--trace', stage.trace])
    expect(other.layouts.map(({ uuid, blockSize }) => [uuid, blockSize])).to.deep.equal([
      [testUuid, 4096],
      ['0b00c0de-2222-4000-8000-000000000002', 1024],
    ])
    expect(other.layouts.map(({ measure }) => [measure.files, measure.missing])).to.deep.equal([
      [64, 1],
      [64, 1],
    ])
    expectTold(stage.before, other.layouts[0]!, other.files)
    expectTold(at('anew.img'), other.layouts[1]!, other.files)
    expect(other.moved.length).to.be.greaterThan(50)
    // Inode tables of one filesystem are nothing on another.
    writeFileSync(
      at('fixed.trace'),
      `${readFileSync(stage.trace, 'utf8')}${JSON.stringify({ t: 5_000_000, off: 4096, len: 4096, kind: 'metadata' })}\n`,
    )
    expect(report([stage.before, '--trace', at('fixed.trace')]).layouts[0]!.marks.at(-1)!.kind).to.equal('device')
    const two = report(['--before', stage.before, '--after', at('anew.img'), '--trace', at('fixed.trace')])
    expect(two.leftOut).to.equal(1)
    expect(two.layouts.flatMap(({ marks }) => marks.filter(({ kind }) => kind === 'device'))).to.deep.equal([])
  })

  it('writes one page, the same each time, from pack --dry-run too', () => {
    bootpack(['pack', stage.before, '--trace', stage.trace, '--evict', '--dry-run', '--report', at('dry.html')])
    bootpack(['report', stage.before, '--trace', stage.trace, '--plan', stage.plan, '-o', at('one.html')])
    const { stdout } = bootpack(['report', stage.before, '--trace', stage.trace, '--plan', stage.plan, '-o', '-'])
    expect(stdout).to.equal(readFileSync(at('one.html'), 'utf8'))
    const facts = (name: string): string => /<dl class="figures">[^]*?<\/dl>/.exec(readFileSync(at(name), 'utf8'))![0]
    expect(facts('dry.html')).to.equal(facts('one.html'))
    expect(readFileSync(stage.page, 'utf8')).to.contain('This boot now keeps')
    expect(stdout).to.contain('Packed, this boot would keep')
  })

  it('says what to do when it cannot', () => {
    const fails = (args: readonly string[], status: number, said: RegExp): void => {
      expect(bootpack(['report', ...args], [status]).stderr).to.match(said)
    }
    fails([stage.before, '--trace', stage.trace], 2, /-o boot\.html/)
    fails(['--trace', stage.trace, '-o', at('x.html')], 2, /no target/)
    fails([stage.before, '--after', stage.packed, '--trace', stage.trace, '-o', at('x.html')], 2, /given twice/)
    fails([stage.before, '--trace', stage.trace, '-o', at('no/folder/x.html')], 2, /no folder/)
    writeFileSync(at('nobody.list'), '/nothing/of/this\n')
    fails([stage.before, '--trace', at('nobody.list'), '-o', at('x.html')], 2, /None of the trace's files/)
    writeFileSync(at('kept'), 'kept')
    symlinkSync(at('kept'), at('link.html'))
    fails([stage.before, '--trace', stage.trace, '-o', at('link.html')], 5, /symbolic link/)
    expect(readFileSync(at('kept'), 'utf8')).to.equal('kept')
    expect(existsSync(at('x.html'))).to.equal(false)
    expect(
      bootpack(['pack', stage.before, '--trace', stage.trace, '--evict', '--report', at('no/x.html')], [2]).stderr,
    ).to.match(/There is no folder/)
    // A block the plan has moved since: whose it was nobody can tell any more.
    const { rounds } = JSON.parse(readFileSync(stage.plan, 'utf8')) as { rounds: { from: number }[][] }
    const header = { bootpack: 'trace', version: 1, source: 'made up' }
    writeFileSync(
      at('raw.trace'),
      [header, { off: rounds[0]![0]!.from * 4096, len: 4096, kind: 'metadata' }]
        .map((line) => JSON.stringify(line))
        .join('\n'),
    )
    fails([stage.packed, '--trace', at('raw.trace'), '--plan', stage.plan, '-o', at('x.html')], 5, /--before/)
  })
})
