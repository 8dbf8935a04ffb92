/** Every example of every --help, and every command of the README, runs as it is printed. */
import { Config, Parser } from '@oclif/core'
import { expect } from 'chai'
import { existsSync, readFileSync } from 'node:fs'
import { home, loadPlugins } from '../../src/cli/session/launch.js'
import { commandTable } from '../../src/cli/generated/command-table.js'
import { needTools } from '../support/tools.js'
import { Workbench } from './workbench.js'

/** Lines that are only looked at, because running them would do more than a test may. */
const onlyParsed: readonly (readonly [RegExp, string])[] = [
  [/^bootpack shutdown | --at-shutdown/, 'about this machine going down'],
  [/^bootpack vm /, 'needs the image of a system; the tests of the plugin boot one'],
  [/ --partition /, 'needs a partitioned disk'],
  [/ --engine clickhouse /, 'needs a server; the tests of the plugin start some'],
  [/^bootpack fsr/, 'reorganises the XFS filesystems of this machine'],
  [/^bootpack auto/, 'changes this machine over its next boots'],
  [/^bootpack collect boot/, "ends the recording of this machine's boot"],
  [/^bootpack collect setup.* --(apply|remove|keep)/, 'changes this machine'],
  [/^bootpack collect watch(?!.* mincore)/, 'records this machine; the tests of collecting do'],
]

/** Exit codes that are an answer too, as the command's help says. */
const answers: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^bootpack check /, [0, 3]],
  [/^bootpack collect watch /, [0, 3, 5]],
  [/^bootpack doctor /, [0, 5]],
  [/^bootpack preload install/, [0, 3, 5]],
  // 2: nothing is installed there.
  [/^bootpack preload/, [0, 2, 3, 5]],
  // 4: nothing has left the run.
  [/^bootpack pack \/ --drifted /, [0, 3, 4]],
  // A kernel does not move everything.
  [/^bootpack pack \/ /, [0, 3]],
]

const afterPacking = /^bootpack (verify|undo|check)|--before old\.img/
/** What the next example must not find changed. */
const changes = /^bootpack (pack|apply|undo|preload|metafs) | (\/|\/mnt|\/dev\/sdb1)( |$)/
const needsRoot = /^bootpack (metafs|collect watch)|^e4defrag/

describe('examples', function () {
  this.timeout(240_000)
  const bench = new Workbench()
  let config: Config
  after(() => bench.remove())

  before(async function () {
    needTools(this, 'mke2fs', 'debugfs', 'sh')
    config = await Config.load({ root: home, plugins: await loadPlugins(), userPlugins: false, devPlugins: false })
    await bench.make()
  })

  /** @throws what the parser says */
  async function parsed(line: string): Promise<void> {
    const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!).slice(1)
    const id = [words.slice(0, 2).join(':'), words[0]!].find((each) => config.findCommand(each))
    if (id === undefined) throw new Error(`There is no such command: ${line}`)
    const command = await config.findCommand(id, { must: true }).load()
    const given = words.slice(id.split(':').length)
    const flags = {
      ...command.baseFlags,
      ...command.flags,
      ...(given.includes('--json') && { json: (await import('@oclif/core')).Flags.boolean() }),
    }
    await Parser.parse(given, { args: command.args, flags, strict: command.strict !== false })
  }

  async function runs(lines: readonly string[]): Promise<string[]> {
    const notRun: string[] = []
    for (const line of lines) {
      const begun = Date.now()
      if (line.startsWith('bootpack ')) await parsed(line)
      const why =
        onlyParsed.find(([pattern]) => pattern.test(line))?.[1] ??
        (needsRoot.test(line) && process.getuid?.() !== 0 ? 'needs root' : undefined)
      const background =
        line.startsWith('bootpack metafs mount') && !line.includes('--background') ? ' --background' : ''
      const ok = answers.find(([pattern]) => pattern.test(line))?.[1] ?? [0]
      if (
        why !== undefined ||
        (line.startsWith('bootpack metafs') && !existsSync('/dev/fuse')) ||
        !bench.line(line + background, ok)
      )
        notRun.push(line)
      if (process.env['SLOW']) console.log(Date.now() - begun, line)
    }
    return notRun
  }

  it('of every command', async () => {
    const lines = commandTable(config.commands, config.bin).flatMap(({ examples }) => examples)
    const notRun: string[] = []
    let left: string | undefined
    for (const line of lines) {
      const state = afterPacking.test(line) ? 'packed' : 'aged'
      if (state !== left) bench.reset(state)
      left = changes.test(line) ? undefined : state
      notRun.push(...(await runs([line])))
    }
    console.log(`      ${lines.length - notRun.length} of ${lines.length} run; the others were parsed`)
    expect(lines.length - notRun.length).to.be.above(lines.length / 2)
  })

  it('of the README, block by block', async () => {
    const blocks = [
      ...readFileSync(new URL('../../README.md', import.meta.url), 'utf8').matchAll(/^```\n([^]*?)^```$/gm),
    ].map((match) => match[1]!)
    const lines = blocks.map((block) =>
      block
        .replaceAll('\\\n', ' ')
        .split('\n')
        .map((line) => line.replace(/ +#.*$/, '').trim())
        .filter((line) => /^(bootpack|e4defrag) /.test(line)),
    )
    expect(lines.flat().length).to.be.above(10)
    for (const block of lines) {
      if (block.length === 0) continue
      bench.reset(afterPacking.test(block[0]!) ? 'packed' : 'aged')
      await runs(block)
    }
  })
})
