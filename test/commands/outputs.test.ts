/** What a command writes never costs what was there: traces, plans that undo, pages, undo files, other people's notes. */
import { expect } from 'chai'
import { copyFileSync, existsSync, linkSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bootpack, makeStage, type Stage } from '../report/report-stage.js'
import { needTools, scratchFolder } from '../support/tools.js'

describe('files a command writes', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  const at = (name: string): string => join(scratch.path, name)
  after(scratch.remove)
  let stage: Stage
  before(async function () {
    needTools(this, 'mke2fs', 'debugfs')
    stage = await makeStage(scratch.path, 11)
  })

  /** Every file of the folder as it is, but for the disks. */
  const files = (): Map<string, string> =>
    new Map(
      readdirSync(scratch.path, { withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.name.endsWith('.img'))
        .map(({ name }) => [name, readFileSync(at(name), 'latin1')]),
    )

  it('stay as they were when there is nothing to gain, and the plan that undoes the packing undoes it', () => {
    const image = at('twice.img')
    copyFileSync(stage.before, image)
    const before = readFileSync(image)
    const pack = ['pack', image, '-t', stage.trace, '--evict', '-o', at('twice.plan'), '--report', at('twice.html')]
    bootpack([...pack, '--check', '--undo-file', at('twice.e2undo')])
    const kept = files()
    const packed = readFileSync(image)
    const { stdout } = bootpack([...pack, '--check', '--undo-file', at('second.e2undo')], [4])
    expect(stdout).to.match(/Nothing was written/)
    bootpack([...pack, '--dry-run'], [4])
    bootpack(['plan', image, '-t', stage.trace, '--evict', '-o', at('twice.plan')], [4])
    expect(files()).to.deep.equal(kept)
    expect(readFileSync(image).equals(packed)).to.equal(true)
    // The name that was given for an undo file is free for the next run.
    bootpack([...pack, '--undo-file', at('second.e2undo')], [4])
    expect(existsSync(at('second.e2undo'))).to.equal(false)
    expect(bootpack(['undo', at('twice.plan')]).stdout).to.match(/^Undone: [1-9][\d,]* blocks are back/)
    expect(before.equals(readFileSync(image)), 'times of the superblock differ').to.equal(false)
  })

  it('leave no undo file behind when nothing could be planned', () => {
    const image = at('none.img')
    copyFileSync(stage.before, image)
    writeFileSync(at('nowhere.list'), '/not/there\n')
    bootpack(['pack', image, '-t', at('nowhere.list'), '--undo-file', at('none.e2undo')], [2])
    bootpack(['apply', stage.plan, '--target', stage.packed, '--undo-file', at('apply.e2undo')])
    for (const name of ['none.e2undo', 'apply.e2undo']) expect(existsSync(at(name)), name).to.equal(false)
  })

  it('say that a plan with nothing to gain was not written', () => {
    const { stdout } = bootpack(['plan', stage.packed, '-t', stage.trace, '--evict', '-o', at('idle.plan')], [4])
    expect(stdout)
      .to.match(/Nothing to gain/)
      .and.not.match(/Carry it out/)
    expect(existsSync(at('idle.plan'))).to.equal(false)
    expect(bootpack(['plan', stage.before, '-t', stage.trace, '-o', at('good.plan')]).stdout).to.match(/Carry it out/)
  })

  describe('replace only what bootpack wrote, of the same kind', () => {
    const refusals: readonly (readonly [string, (stage: Stage) => readonly string[], RegExp])[] = [
      ['pack -o over its trace', (s) => ['pack', s.before, '-t', s.trace, '-o', s.trace], /is what is read/],
      ['plan -o over its trace', (s) => ['plan', s.before, '-t', s.trace, '-o', s.trace], /is what is read/],
      ['plan -o over a hard link to it', (s) => ['plan', s.before, '-t', s.trace, '-o', at('same')], /is what is read/],
      ['report -o over its trace', (s) => ['report', s.before, '-t', s.trace, '-o', s.trace], /is what is read/],
      [
        'pack --report over its trace',
        (s) => ['pack', s.before, '-t', s.trace, '--report', s.trace],
        /is what is read/,
      ],
      ['pack --report over its plan', (s) => ['pack', s.before, '-t', s.trace, '--report', s.plan], /is a plan, which/],
      ['report -o over a plan', (s) => ['report', s.before, '-t', s.trace, '-o', s.plan], /is a plan, which a page/],
      ['plan -o over a page', (s) => ['plan', s.before, '-t', s.trace, '-o', s.page], /is a page of bootpack report/],
      ['plan -o over notes', (s) => ['plan', s.before, '-t', s.trace, '-o', at('notes.md')], /is not a plan that boot/],
      ['trace import over itself', (s) => ['trace', 'import', s.trace, '-o', s.trace], /is what is read/],
      ['trace import over a plan', (s) => ['trace', 'import', s.trace, '-o', s.plan], /is a plan, which a trace/],
      [
        'trace merge over one of them',
        (s) => ['trace', 'merge', s.trace, at('b.trace'), '-o', s.trace],
        /what is read/,
      ],
      ['trace export over itself', (s) => ['trace', 'export', s.trace, '--to', 'list', '-o', s.trace], /what is read/],
      [
        'trace export over notes',
        (s) => ['trace', 'export', s.trace, '--to', 'list', '-o', at('notes.md')],
        /is not a list of paths/,
      ],
      ['plan -o over the disk', (s) => ['plan', s.before, '-t', s.trace, '-o', s.before], /is what is read/],
      ['plan -o over another disk', (s) => ['plan', s.before, '-t', s.trace, '-o', s.packed], /is an image of a disk/],
    ]
    for (const [title, words, message] of refusals) {
      it(`and refuse ${title}`, () => {
        if (!existsSync(at('same'))) {
          linkSync(stage.trace, at('same'))
          copyFileSync(stage.trace, at('b.trace'))
          writeFileSync(at('notes.md'), '# What I must not lose\n\nOne line.\n')
        }
        const kept = files()
        const disks = [stage.before, stage.packed].map((path) => readFileSync(path))
        const { stderr, stdout } = bootpack(words(stage), [5])
        expect(stderr).to.match(message)
        expect(stdout).to.equal('')
        expect(files()).to.deep.equal(kept)
        expect([stage.before, stage.packed].map((path, i) => readFileSync(path).equals(disks[i]!))).to.deep.equal([
          true,
          true,
        ])
      })
    }

    it('and replace that', () => {
      for (const words of [
        ['plan', stage.before, '-t', stage.trace, '-o', at('again.plan')],
        ['report', stage.before, '-t', stage.trace, '-o', at('again.html')],
        ['trace', 'import', stage.trace, '-o', at('again.trace')],
        ['trace', 'import', stage.trace, '-o', at('again.trace.gz')],
        ['trace', 'export', stage.trace, '--to', 'e4rat', '-o', at('again.e4rat')],
        ['trace', 'export', stage.trace, '--to', 'squashfs-sort', '-o', at('again.sort')],
      ])
        for (let time = 0; time < 2; time++) bootpack(words)
    })

    it('and are not two things at once', () => {
      const { stderr } = bootpack(
        ['pack', stage.before, '-t', stage.trace, '-o', at('x.out'), '--report', at('x.out')],
        [2],
      )
      expect(stderr).to.match(/is to be two files at once/)
      for (const words of [
        ['pack', stage.before, '-t', stage.trace, '-o', '-'],
        ['plan', stage.before, '-t', stage.trace, '-o', '-'],
      ])
        expect(bootpack(words, [2]).stderr).to.match(/The plan needs a file/)
    })
  })
})
