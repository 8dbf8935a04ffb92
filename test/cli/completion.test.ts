/** Completion scripts in the shells they are for. */
import { expect } from 'chai'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spellings, type CommandEntry } from '../../src/cli/generated/command-table.js'
import { allCommands } from '../support/commands.js'
import { Terminal } from '../support/terminal.js'
import { needTools, run, scratchFolder } from '../support/tools.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname

describe('completion', function () {
  const scratch = scratchFolder()
  const at = (name: string): string => join(scratch.path, name)
  let table: CommandEntry[]
  after(scratch.remove)

  before(async () => {
    table = await allCommands()
    for (const [shell, name] of [
      ['bash', 'bootpack.bash'],
      ['zsh', '_bootpack'],
      ['fish', 'bootpack.fish'],
    ] as const) {
      writeFileSync(at(name), run(process.execPath, [launcher, 'completion', shell]).stdout)
    }
    mkdirSync(at('folder'))
    writeFileSync(at('disk one.img'), '')
  })

  /** What is offered for each line's last word. */
  function bash(lines: readonly (readonly string[])[]): string[][] {
    const calls = lines.map(
      (words) =>
        `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _bootpack; echo "\${COMPREPLY[*]}"`,
    )
    const script = `source '${at('bootpack.bash')}'\n${calls.join('\n')}`
    return run('bash', ['--norc', '-c', script], { cwd: scratch.path })
      .stdout.split('\n')
      .slice(0, -1)
      .map((line) => line.split(' ').filter((word) => word !== ''))
  }

  const fish = (lines: readonly string[]): string[][] =>
    run(
      'fish',
      [
        '--no-config',
        '-c',
        `source '${at('bootpack.fish')}'\n${lines.map((line) => `complete -C '${line}'; echo ==`).join('\n')}`,
      ],
      { cwd: scratch.path },
    )
      .stdout.split('==\n')
      .slice(0, -1)
      .map((text) =>
        text
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => line.split('\t')[0]!),
      )

  const longSpellings = ({ flags }: CommandEntry): string[] =>
    flags.flatMap(spellings).filter((word) => word.startsWith('--'))
  const choices = (command: CommandEntry) =>
    command.flags.flatMap((flag) =>
      typeof flag.value?.kind === 'object' && flag.name !== undefined
        ? [{ flag: flag.name, options: flag.value.kind }]
        : [],
    )

  it('in bash offers every command, flag and choice', function () {
    needTools(this, 'bash')
    const [first, trace] = bash([
      ['bootpack', ''],
      ['bootpack', 'trace', ''],
    ])
    expect(first).to.have.members([...new Set(table.map(({ name }) => name.split(' ')[0]))])
    expect(trace).to.include.members(['show', 'import', 'merge'])
    const flags = bash(table.map(({ name }) => ['bootpack', ...name.split(' '), '--']))
    for (const [i, command] of table.entries()) expect(flags[i], command.name).to.have.members(longSpellings(command))
    for (const command of table) {
      for (const { flag, options } of choices(command)) {
        const words = ['bootpack', ...command.name.split(' '), 'x', `--${flag}`]
        expect(
          bash([
            [...words, ''],
            [...words, '=', ''],
            [...words, '='],
          ]),
          flag,
        ).to.deep.equal([options, options, options])
      }
    }
    expect(
      bash([
        ['/usr/bin/e4defrag', '-'],
        ['bootpack', 'pack', '--', '--'],
        ['bootpack', 'completion', 'z'],
        ['bootpack', 'pack', 'dis'],
        ['bootpack', 'pack', 'x', '--goal', ''],
      ]),
    ).to.deep.equal([['-c', '-v', '-r', '-f', '--trace'], [], ['zsh'], [], []])
  })

  it('in bash completes names of files, quoted, at a prompt', async function () {
    needTools(this, 'bash', 'script')
    const terminal = new Terminal(['bash', '--norc', '--noprofile', '-i'], { cwd: scratch.path })
    terminal.type(
      `PS1='> '; set +o history; source '${at('bootpack.bash')}'; bind 'set bell-style none'; echo rea''dy\n`,
    )
    await terminal.until(/ready\r\n/)
    terminal.type('bootpack measu\tdis\t--trace=fol\t --dis\t')
    await terminal.until(/bootpack measure disk\\ one\.img --trace=folder\/ --disk/)
    expect(terminal.shown).to.match(/bootpack measure disk\\ one\.img --trace=folder\//)
    terminal.close()
  })

  it('in zsh completes commands, flags, choices and files at a prompt', async function () {
    needTools(this, 'zsh', 'script')
    const terminal = new Terminal(['zsh', '-f', '-i'], { cwd: scratch.path })
    terminal.type(
      `unsetopt zle_bracketed_paste beep; PS1='> '; fpath=('${scratch.path}' $fpath); autoload -Uz compinit; compinit -u -D; echo rea''dy\n`,
    )
    await terminal.until(/ready\r/)
    const typed = async (keys: string, wanted: RegExp): Promise<void> => {
      terminal.shown = ''
      terminal.type(keys)
      // What a shell shows is drawn in pieces, with moves of the cursor between.
      await terminal.until(wanted)
      expect(terminal.shown).to.match(wanted)
      terminal.type('\x15')
    }
    await typed('bootpack trace imp\tdisk\x0c', /bootpack trace import disk/)
    await typed('bootpack plan x --granularity=ra\ty\x0c', /--granularity=range y/)
    await typed('bootpack plan x --evi\ty\x0c', /--evict y/)
    await typed('bootpack measure dis\ty\x0c', /measure disk\\ one\.img y/)
    await typed('bootpack plan -r fol\ty\x0c', /-r folder\/y/)
    await typed('e4defrag -c dis\ty\x0c', /-c disk\\ one\.img y/)
    terminal.close()
  })

  it('in fish offers every command, flag and choice, and files', function () {
    needTools(this, 'fish')
    const [first, trace, targets, folders, defrag] = fish([
      'bootpack ',
      'bootpack trace ',
      'bootpack measure ',
      'bootpack plan x -r ',
      'e4defrag -',
    ])
    expect(first).to.have.members([...new Set(table.map(({ name }) => name.split(' ')[0]))])
    expect(trace).to.include.members(['show', 'import', 'merge']).and.not.include('disk\\ one.img')
    expect(targets).to.include.members(['disk one.img', 'folder/'])
    expect(folders).to.deep.equal(['folder/'])
    expect(defrag).to.include.members(['-c', '-v', '-r', '-f'])
    const flags = fish(table.map(({ name }) => `bootpack ${name} --`))
    for (const [i, command] of table.entries())
      expect(flags[i], command.name).to.have.members(longSpellings(command).map((word) => word))
    for (const command of table) {
      for (const { flag, options } of choices(command))
        expect(fish([`bootpack ${command.name} x --${flag} `])[0], flag).to.have.members([...options])
    }
  })
})
