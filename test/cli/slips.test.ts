/** Words that are not there: the nearest one is offered, nothing is asked, exit 2. */
import { expect } from 'chai'
import { editDistance, nearest } from '../../src/cli/session/nearest.js'
import { Random } from '../support/random.js'
import { run, type Ran } from '../support/tools.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname
const bootpack = (...args: string[]): Ran => run(process.execPath, [launcher, ...args], { ok: [2] })

describe('the nearest word', () => {
  it('counts letters as brute force does', () => {
    const seed = 20_261_120
    const random = new Random(seed)
    const word = (): string => Array.from({ length: random.below(6) }, () => random.pick(['a', 'b', 'c'])).join('')
    for (let round = 0; round < 300; round++) {
      const [a, b] = [word(), word()]
      expect(editDistance(a, b), `seed ${seed}: ${a} ${b}`).to.equal(bruteForce(a, b))
    }
  })

  it('is the one meant, or none', () => {
    const flags = ['evict', 'granularity', 'goal', 'dry-run', 'trace']
    expect(nearest('evikt', flags)).to.equal('evict')
    expect(nearest('gran', flags)).to.equal('granularity')
    expect(nearest('og', flags)).to.equal(undefined)
    expect(nearest('tarce', flags)).to.equal('trace')
    expect(nearest('something', flags)).to.equal(undefined)
    expect(nearest('x'.repeat(100_000), flags)).to.equal(undefined)
  })
})

/** Every last step of a best way from one word to the other; a swapped pair is not touched again. */
function bruteForce(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length
  const ways = [
    bruteForce(a.slice(1), b) + 1,
    bruteForce(a, b.slice(1)) + 1,
    bruteForce(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1),
  ]
  if (a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0]) ways.push(bruteForce(a.slice(2), b.slice(2)) + 1)
  return Math.min(...ways)
}

describe('a slip on the command line', function () {
  const cases: [string[], RegExp, RegExp][] = [
    [['packk'], /no command packk/, /Did you mean bootpack pack\?/],
    [['trace', 'shwo', 'x'], /no command trace shwo/, /Did you mean bootpack trace show\?/],
    [['trce', 'show'], /no command trce/, /Did you mean bootpack trace show\?/],
    [['show'], /no command show/, /Did you mean .*\bbootpack trace show\b.*\?/],
    [['merge', 'a', 'b'], /no command merge/, /Did you mean .*bootpack trace merge/],
    [['vm', 'bot'], /no command vm bot/, /Did you mean bootpack vm boot\?/],
    [['help', 'packk'], /no command packk/, /Did you mean bootpack pack\?/],
    [['nothing-near'], /no command nothing-near/, /bootpack --help/],
    [['pack', '--evikt', 'x'], /no flag --evikt/, /Did you mean --evict\?/],
    [['pack', 'x', '--trcae=y'], /no flag --trcae/, /Did you mean --trace=y\?/],
    [['fsr', '--dry-rnu'], /no flag --dry-rnu/, /Did you mean --dry-run\?/],
    [['plan', 'x', '--trace', 'y', '--granularity', 'rnage'], /file \| range, not rnage/, /Did you mean range\?/],
    [['measure', 'x'], /needs --trace/, /See bootpack measure --help/],
    [['measure', '--trace', 'y'], /needs TARGET/, /See bootpack measure --help/],
    [
      ['measure', 'x', '--trace', 'y', '--partition', 'a'],
      /--partition: Expected an integer but received: a/,
      /See bootpack measure --help/,
    ],
    [['pack', 'x', '--trace', 'y', '--plan', 'z'], /--plan goes with --drifted only/, /See bootpack pack --help/],
    [
      ['pack', 'x', '--trace', 'y', '--quiet', '--verbose'],
      /--verbose and --quiet cannot be given together/,
      /See bootpack pack --help/,
    ],
    [['undo', '/nothing/there.plan'], /no file \/nothing\/there\.plan/, /Check the name of the plan/],
    [['measure', '/nothing/there.img', '--trace', 'y'], /no "\/nothing\/there\.img"|no file y/, /Check the name/],
    [['vm', 'boot', 'x', '--scale', '-1'], /--scale: Expected a number from 0 to 1000/, /See bootpack vm boot --help/],
  ]
  for (const [words, what, next] of cases) {
    it(`bootpack ${words.join(' ')}`, () => {
      const { stdout, stderr } = bootpack(...words)
      expect(stdout).to.equal('')
      const lines = stderr.trimEnd().split('\n')
      expect(lines).to.have.length(2)
      expect(lines[0])
        .to.match(/^bootpack: /)
        .and.match(what)
      expect(lines[1]).to.match(next)
    })
  }

  it('is not the only thing told: a full standard output is, without a stack', () => {
    const list = new URL('../../sample-trees/tiny-root/boot.trace.jsonl', import.meta.url).pathname
    for (const words of [
      `trace show ${list}`,
      `trace show ${list} --json`,
      `trace export ${list} --to list`,
      `trace export ${list} --to native`,
      'completion zsh',
    ]) {
      const { stderr, status } = run('sh', ['-c', `"${process.execPath}" "${launcher}" ${words} >/dev/full`], {
        ok: [1],
      })
      expect(status).to.equal(1)
      expect(stderr, words).to.match(/^bootpack: .*\n(.*\n)?\(.*ENOSPC.*\)\n$/)
    }
    const long = new URL('../fixtures/trace/boot-tracefs.txt.gz', import.meta.url).pathname
    for (const words of ['completion zsh', `trace export ${long} --to native`]) {
      expect(run('sh', ['-c', `"${process.execPath}" "${launcher}" ${words} | head -n 1`]).stderr, words).to.equal('')
    }
  })

  it('is told to programs as every other error is', () => {
    for (const [words, code] of [
      [['packk'], 'unknown-command'],
      [['pack', '--evikt'], 'unknown-flag'],
      [['measure', 'x'], 'missing-flag'],
      [['trace', 'export', 'x', '--to', 'list'], 'two-outputs'],
      [['collect', 'watch', '-o', '-'], 'two-outputs'],
    ] as const) {
      const told = JSON.parse(bootpack(...words, '--json').stdout) as {
        error: Record<string, string>
        exitCode: number
      }
      expect(told).to.have.keys('error', 'exitCode')
      expect(told.error).to.have.keys('family', 'code', 'message', 'next')
      expect(told.error).to.include({ family: 'usage', code })
      expect(told.exitCode).to.equal(2)
    }
  })

  it('obeys nothing that it repeats', () => {
    const evil = 'a\n\u001b[2J\u0007b\u202e'
    for (const words of [
      [evil],
      ['help', evil],
      ['trace', evil],
      ['pack', `--${evil}`],
      ['pack', 'x', `--trcae=${evil}`],
      ['plan', 'x', '--trace', 'y', '--granularity', evil],
      ['measure', 'x', '--trace', 'y', evil],
      ['measure', 'x', '--trace', 'y', '--partition', evil],
    ]) {
      for (const more of [[], ['--json']]) {
        const { stdout, stderr } = bootpack(...words, ...more)
        expect(stdout + stderr, JSON.stringify(words)).to.not.match(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/)
        expect(stderr.trimEnd().split('\n').length, stderr).to.be.at.most(2)
      }
    }
  })
})
