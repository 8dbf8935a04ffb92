/**
 * The command line against names and values that mean harm: nothing of them reaches
 * the terminal as a command, no file is written through a link, no answer is a stack.
 */
import { expect } from 'chai'
import {
  copyFileSync,
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { debugfsWrite, makeImage } from '../support/images.js'
import { Random } from '../support/random.js'
import { isRoot, needTools, run, scratchFolder, type Ran, skip } from '../support/tools.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname
const anyEnd = [0, 1, 2, 3, 4, 5, 6, 7]
const bootpack = (...args: string[]): Ran => run(process.execPath, [launcher, ...args], { ok: anyEnd, timeout: 60_000 })

/** What a terminal obeys, line ends and tabs apart. */
const obeyed = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/
const evil = 'evil\n\x1b[2J\x07name\u202e'

function expectHarmless({ stdout, stderr }: Ran, what: string): void {
  expect(stdout, `${what}: stdout`).to.not.match(obeyed)
  expect(stderr, `${what}: stderr`).to.not.match(obeyed)
  expect(stderr, `${what}: a stack`).to.not.match(/^\s+at .*:\d+:\d+\)?$/m)
  // A name may not begin a line of its own.
  expect(stdout.replaceAll('\\n', ''), what).to.not.match(/^.?\[2J/m)
}

describe('a hostile command line', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  const at = (name: string): string => join(scratch.path, name)
  after(() => scratch.remove())

  before(function () {
    needTools(this, 'mke2fs', 'debugfs')
    run(process.execPath, [
      new URL('../../node_modules/typescript/bin/tsc', import.meta.url).pathname,
      '-b',
      new URL('../..', import.meta.url).pathname,
    ])
    mkdirSync(at('tree'))
    for (const name of [evil, 'between', 'one', 'other']) writeFileSync(at(`tree/${name}`), name.repeat(2000))
    symlinkSync('/etc/passwd', at('tree/absolute'))
    symlinkSync('../../../../../../etc/passwd', at('tree/above'))
    mkdirSync(at('tree/etc'))
    writeFileSync(at('tree/etc/passwd'), 'of the image')
    makeImage(at('disk.img'), { size: 16 << 20, blockSize: 1024, tree: at('tree') })
    debugfsWrite(at('disk.img'), ['rm between'])
    copyFileSync(at('disk.img'), at('scattered.img'))
    const lines = [`/${evil}`, '/one', '/absolute', '/above', `/missing${evil}`, '/../../../etc/passwd'].map((path) =>
      JSON.stringify({ kind: 'data', path, off: 0 }),
    )
    writeFileSync(at('boot.trace'), `{"bootpack":"trace","version":1,"source":"test"}\n${lines.join('\n')}\n`)
  })

  it('shows names of every command escaped', () => {
    const plan = at('disk.plan')
    const runs: string[][] = [
      ['measure', at('disk.img'), '--trace', at('boot.trace')],
      ['plan', at('disk.img'), '--trace', at('boot.trace'), '--evict', '-o', plan],
      ['verify', plan],
      ['pack', at('disk.img'), '--trace', at('boot.trace'), '--evict', '--force', '--check', '-o', plan],
      ['verify', '--deep', plan],
      ['undo', plan],
      ['verify', plan],
      ['apply', plan],
      ['preload', 'show', at('disk.img'), '--trace', at('boot.trace'), '--list'],
      ['preload', 'show', at('disk.img'), '--trace', at('boot.trace'), '--json'],
      ['preload', 'install', at('disk.img'), '--trace', at('boot.trace')],
      ['trace', 'show', at('boot.trace')],
      ['trace', 'diff', at('boot.trace'), at('boot.trace')],
      ['measure', at(evil), '--trace', at('boot.trace')],
      ['measure', at('disk.img'), '--trace', at(evil)],
      ['measure', at('disk.img'), '--trace', at('boot.trace'), '--format', evil],
      ['plan', at('disk.img'), '--trace', at('boot.trace'), '-r', `/${evil}`],
      ['plan', at('disk.img'), '--trace', at('boot.trace'), '--goal', evil],
      ['plan', at('disk.img'), '--trace', at('boot.trace'), '-o', at(`nowhere/${evil}`)],
      ['apply', at(evil)],
      ['trace', 'show', at(evil)],
      ['trace', 'export', at('boot.trace'), '--format', evil],
      ['measure', at('disk.img'), evil],
      ['measure', at('disk.img'), '--trace', at('boot.trace'), '--partition', evil],
    ]
    for (const args of runs) {
      for (const more of ['apply', 'undo', 'measure'].includes(args[0]!) ? [[]] : [[], ['--json']]) {
        const ran = bootpack(...args, ...more)
        expectHarmless(ran, JSON.stringify([...args, ...more]))
      }
    }
  })

  it('finds below the image what its links and dots say, never on this machine', () => {
    const plan = at('inside.plan')
    bootpack('plan', at('scattered.img'), '--trace', at('boot.trace'), '--evict', '-o', plan)
    const { rounds } = JSON.parse(readFileSync(plan, 'utf8')) as { rounds: { path?: string }[][] }
    const paths = new Set(rounds.flat().map(({ path }) => path))
    for (const path of paths) expect(path ?? '/').to.match(/^\/(?!.*(^|\/)\.\.(\/|$))/)
  })

  it('ends with a sentence whatever the values', () => {
    const random = new Random(7)
    const values = [
      '',
      '-1',
      '0',
      '1e9',
      '99999999999999999999',
      '0x10',
      'NaN',
      '../..',
      '/',
      '/dev/null',
      '/dev/zero',
      '/proc/self/mem',
      '-',
      '--',
      'a'.repeat(5000),
      '\n',
      '\x1b]0;x\x07',
      '%s%n',
      '__proto__',
      '[]',
      at('disk.img'),
      at('boot.trace'),
      at('tree'),
    ]
    for (let round = 0; round < 12; round++) {
      const args = [random.pick(['measure', 'plan', 'verify', 'apply', 'undo', 'pack']), random.pick(values)]
      for (const flag of random
        .shuffled(['--trace', '--goal', '--partition', '-r', '--format', '--target', '--disk'])
        .slice(0, random.below(4)))
        args.push(flag, random.pick(values))
      if (args.includes('pack')) args.push('--dry-run')
      // Standard input is empty here, so that '-' is an empty trace.
      const ran = run(process.execPath, [launcher, ...args], { ok: anyEnd, input: '', timeout: 60_000 })
      expectHarmless(ran, JSON.stringify(args))
    }
  })

  it('does not read what never ends', () => {
    for (const args of [
      ['apply', '/dev/zero'],
      ['verify', '--deep', '/dev/zero'],
      ['measure', at('disk.img'), '--trace', '/dev/zero'],
      ['measure', '/dev/zero', '--trace', at('boot.trace')],
    ]) {
      const ran = bootpack(...args)
      expect(ran.status, `${args.join(' ')}: ${ran.stderr}`).to.be.oneOf([2, 5, 6])
    }
  })

  it('writes through no link, and leaves nothing beside what it writes', () => {
    writeFileSync(at('victim'), 'precious')
    symlinkSync('victim', at('link.plan'))
    symlinkSync('victim', at('other.plan.check.json'))
    symlinkSync('victim', at('link.undo'))
    const pack = (...more: string[]): Ran =>
      bootpack('pack', at('disk.img'), '--trace', at('boot.trace'), '--evict', '--force', ...more)
    for (const ran of [
      pack('-o', at('link.plan')),
      pack('--check', '-o', at('other.plan')),
      pack('--undo-file', at('link.undo')),
      bootpack('plan', at('disk.img'), '--trace', at('boot.trace'), '-o', at('link.plan')),
      bootpack('trace', 'merge', at('boot.trace'), at('boot.trace'), '-o', at('link.plan')),
    ]) {
      expect(ran.status, ran.stderr).to.be.oneOf([2, 5])
    }
    expect(readFileSync(at('victim'), 'utf8')).to.equal('precious')
    for (const name of ['link.plan', 'other.plan.check.json', 'link.undo'])
      expect(lstatSync(at(name)).isSymbolicLink(), name).to.equal(true)
    expect(readdirSync(scratch.path).filter((name) => name.includes('.tmp'))).to.deep.equal([])
  })

  it('follows no link that somebody else put into a folder where all may write', function () {
    if (!isRoot) skip(this, 'needs root')
    const shared = at('shared')
    mkdirSync(shared)
    chmodSync(shared, 0o1777)
    const link = join(shared, 'boot.plan')
    symlinkSync(at('victim'), link)
    run('chown', ['-h', '65534:65534', link])
    chownSync(shared, 65534, 65534)
    writeFileSync(at('victim'), 'precious')
    expect(bootpack('plan', at('disk.img'), '--trace', at('boot.trace'), '-o', link).status).to.equal(5)
    expect(readFileSync(at('victim'), 'utf8')).to.equal('precious')
    rmSync(link)
  })
})
