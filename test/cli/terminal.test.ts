/**
 * Progress and Ctrl-C under a real terminal: what is said, what is left behind, and
 * that it can be finished.
 */
import { expect } from 'chai'
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { engines } from '../../src/engines.js'
import { openVolume } from '../../src/volume/open-volume.js'
import { checkImage, hashFiles, makeImage } from '../support/images.js'
import { Random } from '../support/random.js'
import { randomMoves } from '../support/random-moves.js'
import { Terminal } from '../support/terminal.js'
import { needTools, run, scratchFolder } from '../support/tools.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname
const bootpack = (...args: string[]): string[] => [process.execPath, launcher, ...args]

describe('at a terminal', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  const at = (name: string): string => join(scratch.path, name)
  let hashes: Map<string, string>
  after(scratch.remove)

  before(async function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'script')
    mkdirSync(at('tree'))
    const random = new Random(5)
    for (let i = 0; i < 500; i++)
      writeFileSync(at(`tree/file${i}`), Buffer.alloc(random.between(4, 200) * 1024, `contents of ${i}, `))
    makeImage(at('original.img'), { size: 128 << 20, blockSize: 4096, tree: at('tree') })
    const volume = await openVolume(at('original.img'), { write: true }, engines)
    for (let round = 0; round < 4; round++) {
      for await (const outcome of volume.relocate(await randomMoves(volume, random, 300), { reserved: [] }))
        void outcome
    }
    await volume.close()
    hashes = hashFiles(at('original.img'))
    writeFileSync(
      at('boot.list'),
      random
        .shuffled([...hashes.keys()])
        .slice(0, 400)
        .join('\n'),
    )
    copyFileSync(at('original.img'), at('disk.img'))
  })

  it('shows after a second what is being done, and nothing with --quiet', async () => {
    const terminal = new Terminal(bootpack('measure', at('disk.img'), '--trace', '-'))
    await terminal.until(/Reading the trace: \d s/)
    terminal.type('\x03')
    expect(await terminal.end()).to.equal(130)
    const quiet = new Terminal(bootpack('measure', at('disk.img'), '--trace', '-', '--quiet'))
    await new Promise((resolve) => setTimeout(resolve, 2500))
    expect(quiet.shown).to.equal('')
    quiet.type('\x03')
    expect(await quiet.end()).to.equal(130)
  })

  it('shows no progress where there is no terminal', () => {
    const { stdout, stderr } = run(
      'sh',
      ['-c', '{ sleep 2; cat "$0"; } | "$@"', at('boot.list'), ...bootpack('measure', at('disk.img'), '--trace', '-')],
      { ok: [0] },
    )
    expect(stdout).to.match(/^files read +400/m)
    expect(stderr).to.equal('')
  })

  it('tells every step with --verbose, and only errors with --quiet', () => {
    const told = run(
      process.execPath,
      bootpack('plan', at('disk.img'), '--trace', at('boot.list'), '--verbose').slice(1),
    )
    expect(told.stderr).to.match(/^Reading the trace: \d+\.\d\d s\nPlanning: \d+\.\d\d s\n$/)
    const quiet = run(
      process.execPath,
      bootpack('plan', at('disk.img'), '--trace', at('boot.list'), '--quiet', '-o', at('quiet.plan')).slice(1),
    )
    expect(quiet.stdout + quiet.stderr).to.equal('')
    expect(existsSync(at('quiet.plan'))).to.equal(true)
    expect(
      run(process.execPath, bootpack('plan', at('nowhere.img'), '--trace', at('boot.list'), '--quiet').slice(1), {
        ok: [1, 2],
      }).stderr,
    ).to.match(/^bootpack: /)
  })

  for (const [words, leaves] of [
    [['measure', 'disk.img', '--trace', '-'], []],
    [['map', 'disk.img', '--trace', '-'], []],
    [['plan', 'disk.img', '--trace', '-', '-o', 'new.plan'], ['new.plan']],
    [['pack', 'disk.img', '--trace', '-', '-o', 'new.plan'], ['new.plan']],
    [['trace', 'import', '-', '-o', 'new.trace'], ['new.trace']],
  ] as const) {
    it(`Ctrl-C ends ${words.join(' ')} and says that nothing was changed`, async () => {
      const before = run('sha256sum', [at('disk.img')]).stdout
      const terminal = new Terminal(bootpack(...words), { cwd: scratch.path })
      await terminal.until(/Reading the \w+: \d s|Reading the disk: \d s/)
      terminal.type('\x03')
      expect(await terminal.end()).to.equal(130)
      expect(terminal.shown).to.match(/Interrupted; nothing was changed\.\r\n$/)
      for (const name of leaves) expect(existsSync(at(name)), name).to.equal(false)
      expect(readdirSync(scratch.path).filter((name) => name.endsWith('.tmp'))).to.deep.equal([])
      expect(run('sha256sum', [at('disk.img')]).stdout).to.equal(before)
    })
  }

  it('Ctrl-C while blocks move says which command goes on, and that one does', async function () {
    this.timeout(120_000)
    const plan = at('disk.plan')
    const interrupt = async (begun: RegExp, ...args: string[]): Promise<string | undefined> => {
      const terminal = new Terminal(bootpack(...args, '--verbose'))
      await terminal.until(begun)
      terminal.type('\x03')
      const status = await terminal.end()
      if (status === 0) return undefined
      expect(status, terminal.shown).to.equal(130)
      expect(terminal.shown).to.include('Finishing what was begun')
      return terminal.shown
    }
    // Quick machines may be done before the key arrives; then it is tried again.
    let packed: string | undefined
    for (let i = 0; i < 5 && packed === undefined; i++) {
      copyFileSync(at('original.img'), at('disk.img'))
      packed = await interrupt(/Planning: /, 'pack', at('disk.img'), '--trace', at('boot.list'), '--evict', '-o', plan)
    }
    expect(packed).to.match(/Interrupted after [\d,]+ blocks; the filesystem is whole\./)
    expect(packed).to.match(/Written: [\d.]+ [kMG]?B of the [\d.]+ [kMG]?B planned\./)
    expect(packed).to.include(`To finish: bootpack apply ${plan}. To go back: bootpack undo ${plan}.`)
    checkImage(at('disk.img'))
    run(process.execPath, bootpack('apply', plan).slice(1))
    run(process.execPath, bootpack('verify', plan).slice(1))
    let undone: string | undefined
    for (let i = 0; i < 5 && undone === undefined; i++) {
      run(process.execPath, bootpack('apply', plan).slice(1))
      undone = await interrupt(/Reading the plan: /, 'undo', plan)
    }
    expect(undone).to.match(/Interrupted when [\d,]+ blocks were back; the filesystem is whole\./)
    expect(undone).to.include(`To go on: bootpack undo ${plan}.`)
    run(process.execPath, bootpack('undo', plan).slice(1))
    checkImage(at('disk.img'))
    expect(hashFiles(at('disk.img'))).to.deep.equal(hashes)
  })
})
