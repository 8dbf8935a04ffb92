/** Help is there under both of its names, everywhere; it names what exists, and fits the width it has. */
import { expect } from 'chai'
import { Config } from '@oclif/core'
import BootpackHelp from '../../src/cli/session/help.js'
import { home, loadPlugins } from '../../src/cli/session/launch.js'
import { commandTable, type CommandEntry } from '../../src/cli/generated/command-table.js'
import { run, type Ran } from '../support/tools.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname
const bootpack = (words: readonly string[], columns?: number): Ran =>
  run(process.execPath, [launcher, ...words], { env: columns === undefined ? {} : { OCLIF_COLUMNS: String(columns) } })

describe('help', function () {
  this.timeout(120_000)
  let config: Config
  let table: readonly CommandEntry[]
  before(async () => {
    config = await Config.load({ root: home, plugins: await loadPlugins(), userPlugins: false, devPlugins: false })
    table = commandTable(config.commands, config.bin)
  })

  it('is the same with -h as with --help, for the program, a topic and a command', () => {
    for (const words of [[], ['trace'], ['collect'], ['pack'], ['trace', 'export'], ['vm', 'boot']]) {
      const { stdout, stderr } = bootpack([...words, '-h'])
      expect(stderr).to.equal('')
      expect(stdout, words.join(' '))
        .to.equal(bootpack([...words, '--help']).stdout)
        .and.match(/^USAGE$/m)
    }
    expect(bootpack([]).stdout).to.match(/bootpack COMMAND -h says/)
  })

  it('of a topic names its commands by the names they have', () => {
    for (const { name, description = '' } of config.topics) {
      const own = table.flatMap((command) => (command.name.startsWith(`${name} `) ? [command.name.split(' ')[1]!] : []))
      if (!['trace', 'collect', 'preload'].includes(name)) continue
      expect(own).to.not.be.empty
      for (const word of own) expect(description, `${name}: ${word}`).to.match(new RegExp(`\\b${word}\\b`))
    }
  })

  it('brackets no flags together: usage is what must be given', () => {
    const usage = (words: readonly string[]): string =>
      /^USAGE\n {2}\$ (.+)$/m.exec(bootpack([...words, '-h'], 200).stdout)![1]!
    expect(usage(['pack'])).to.equal('bootpack pack TARGET --trace FILE [FLAGS]')
    expect(usage(['trace', 'export'])).to.match(/^bootpack trace export FILE\S* --to \S+ \[FLAGS\]$/)
    expect(usage(['trace', 'merge'])).to.equal('bootpack trace merge FILES... --output OUT [FLAGS]')
    expect(usage(['report'])).to.equal('bootpack report [TARGET] --trace FILE [FLAGS]')
  })

  /** What the help class prints at a width, without a process for each. */
  async function printed(words: readonly string[], maxWidth: number): Promise<string> {
    let text = ''
    const { write } = process.stdout
    process.stdout.write = (piece: string | Uint8Array): boolean => {
      text += String(piece)
      return true
    }
    try {
      await new BootpackHelp(config, { ...config.pjson.oclif.helpOptions, maxWidth, stripAnsi: true }).showHelp([
        ...words,
      ])
    } finally {
      process.stdout.write = write
    }
    return text
  }

  it('has no line that is wider than the terminal, and breaks no word', async () => {
    expect(await printed(['pack'], 80)).to.equal(bootpack(['pack', '-h'], 80).stdout)
    for (const words of [[], ['trace'], ...table.map(({ name }) => name.split(' '))]) {
      const known = new Set((await printed(words, 500)).split(/\s+/))
      for (const columns of [60, 80]) {
        for (const line of (await printed(words, columns)).split('\n')) {
          // An example is a line to be copied, and stays one.
          if (/^ +\$ /.test(line)) continue
          expect(line.length, line).to.be.at.most(columns)
          for (const word of line.split(/\s+/))
            expect(known.has(word), `${words.join(' ')}, ${columns}: ${word}`).to.equal(true)
        }
      }
    }
  })
})
