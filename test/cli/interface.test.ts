/** All commands, arguments and flags: what they are is known, and what they say fits a terminal. */
import { expect } from 'chai'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { e4defragEntry, type CommandEntry } from '../../src/cli/generated/command-table.js'
import { interfaceText } from '../../src/cli/generated/interface-text.js'
import { allCommands } from '../support/commands.js'
import { hasTool, needTools, run, scratchFolder, skip } from '../support/tools.js'

const root = new URL('../..', import.meta.url).pathname
const launcher = join(root, 'bin/bootpack.js')

describe('the command line', function () {
  this.timeout(60_000)
  const scratch = scratchFolder()
  let table: CommandEntry[]
  after(scratch.remove)
  before(async () => {
    table = await allCommands()
  })

  it('is the one in interface.txt; npm run interface renews it after a deliberate change', () => {
    expect(interfaceText([...table, e4defragEntry])).to.equal(
      readFileSync(new URL('interface.txt', import.meta.url), 'utf8'),
    )
  })

  it('says what each command, argument and flag is, and gives an example', () => {
    for (const { name, summary, arguments: words, flags, examples } of table) {
      expect(summary, name).to.match(/^[A-Z].*\.$/)
      if (name === 'help') continue
      expect(examples, name).to.not.deep.equal([])
      for (const { name: word, description } of [...words, ...flags])
        expect(description, `${name} ${word}`).to.match(/\S{2}/)
    }
  })

  it('fits 80 columns, in every help', () => {
    for (const words of [[], ...table.map(({ name }) => name.split(' '))]) {
      const { stdout } = run(process.execPath, [launcher, ...words, '--help'], { env: { COLUMNS: '80' } })
      for (const line of stdout.split('\n')) {
        // An example is one line whatever its length: it is to be copied.
        if (!line.includes('$ bootpack ')) expect(line.length, `${words.join(' ')}: ${line}`).to.be.at.most(80)
      }
    }
  })

  it('has pages for man that it takes without a warning', function () {
    if (!hasTool('mandoc') && !hasTool('groff')) skip(this, 'needs mandoc or groff, not installed here')
    needTools(this, 'man')
    const folder = join(scratch.path, 'man')
    mkdirSync(folder)
    for (const name of ['another.1', 'bootpack-gone.1']) writeFileSync(join(folder, name), '')
    run(process.execPath, [join(root, 'scripts/make-manual.mjs'), folder])
    expect(readdirSync(folder)).to.include('another.1').and.to.not.include('bootpack-gone.1')
    rmSync(join(folder, 'another.1'))
    const pages = readdirSync(folder)
    expect(pages)
      .to.include.members(['bootpack.1', 'bootpack-trace-show.1', 'e4defrag.8'])
      .and.to.have.length(table.length + 2)
    for (const page of pages) {
      const path = join(folder, page)
      if (hasTool('mandoc'))
        expect(run('mandoc', ['-T', 'lint', '-W', 'warning', path], { ok: [0, 2, 3, 4] }).stdout, page).to.equal('')
      if (hasTool('groff'))
        expect(run('groff', ['-man', '-ww', '-z', '-rLL=80n', '-Tutf8', path]).stderr, page).to.equal('')
    }
    const shown = run('man', ['-l', join(folder, 'bootpack-pack.1')], {
      env: { MANPAGER: 'cat', MANWIDTH: '80', LC_ALL: 'C.UTF-8' },
    })
    expect(shown.stdout)
      .to.match(/bootpack-pack - pack what a boot reads/)
      .and.match(/--granularity file\|range/)
  })
})
