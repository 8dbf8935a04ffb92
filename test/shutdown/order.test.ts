import { expect } from 'chai'
import { orderWords } from '../../src/cli/args/at-shutdown.js'
import { commandLine, parseOrder, type Order } from '../../src/shutdown/order.js'
import { judge, notThisTime } from '../../src/shutdown/exit/verdict.js'
import { progressLine } from '../../src/shutdown/exit/progress-line.js'
import { unitText } from '../../src/shutdown/unit.js'
import { readFileSync } from 'node:fs'
import { run, hasTool, skip, scratchFolder } from '../support/tools.js'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { failureOf } from '../support/failure-of.js'

const order: Order = {
  version: 1,
  id: '0'.repeat(32),
  made: '2026-11-30T20:00:00.000Z',
  command: 'pack',
  words: [{ stands: 'target' }, '--evict', '--trace', { stands: 'input', name: 'trace.gz' }],
  inputs: ['trace.gz'],
  outputs: [{ name: 'plan', to: '/var/lib/bootpack/packed.plan' }],
  filesystem: { mountPoint: '/', device: '/dev/vda1', type: 'ext4', options: 'rw', uuid: 'u' },
  mounts: [{ mountPoint: '/', device: '/dev/vda1', type: 'ext4', options: 'rw' }],
  limit: 300,
  estimate: 20,
  memory: 3e8,
  folders: [],
  tries: 1,
}

describe('an order for the way down', () => {
  it('is the command line, with its files where they are then', () => {
    expect(commandLine(order, { target: '/dev/vda1', inputs: '/order', outputs: '/output' })).to.deep.equal([
      'pack',
      '/dev/vda1',
      '--evict',
      '--trace',
      '/order/trace.gz',
    ])
  })

  it('keeps the flags as they were written, and puts its own files in', () => {
    const tokens = [
      { type: 'arg', input: '/' },
      { type: 'flag', flag: 'trace', input: 'boot.trace' },
      { type: 'flag', flag: 'evict', input: '--evict' },
      { type: 'flag', flag: 'metadata', input: '--no-metadata' },
      { type: 'flag', flag: 'max-bytes', input: '64M' },
      { type: 'flag', flag: 'at-shutdown', input: '--at-shutdown' },
      { type: 'flag', flag: 'at-most', input: '60' },
    ]
    const trace = { stands: 'input', name: 'trace.gz' } as const
    expect(orderWords(tokens, { trace })).to.deep.equal([
      '--evict',
      '--no-metadata',
      '--max-bytes=64M',
      '--trace',
      trace,
    ])
  })

  it('has no flag that would do something else then', () => {
    for (const flag of ['dry-run', 'undo-file', 'report', 'partition']) {
      const refusal = failureOf(() => orderWords([{ type: 'flag', flag, input: `--${flag}` }], {}))
      expect(refusal).to.include({ family: 'usage', code: 'not-at-shutdown' })
    }
  })

  it('is read back as it was written', () => {
    expect(parseOrder(JSON.stringify(order), 'order.json')).to.deep.equal(order)
  })

  it('that is cut off, of another version, or names files elsewhere is none', () => {
    const text = JSON.stringify(order)
    const damaged = [
      text.slice(0, -10),
      '',
      'null',
      JSON.stringify({ ...order, version: 2 }),
      JSON.stringify({ ...order, command: 'rm' }),
      JSON.stringify({ ...order, inputs: ['../../etc/shadow'] }),
      JSON.stringify({ ...order, outputs: [{ name: 'a/b', to: '/x' }] }),
      JSON.stringify({ ...order, limit: 'long' }),
    ]
    for (const each of damaged)
      expect(
        failureOf(() => parseOrder(each, 'order.json')),
        each,
      ).to.include({ family: 'corrupt' })
  })

  it('ends as the command ended, and stands when it did not come to its end', () => {
    const run = { status: 0, report: undefined, complaint: '' }
    const running = new AbortController().signal
    const kind = (status: number, signal = running): unknown => {
      const { kind, armed } = judge(order, { ...run, status }, signal)
      return [kind, armed]
    }
    expect(kind(0)).to.deep.equal(['done', false])
    expect(kind(3)).to.deep.equal(['partial', false])
    expect(kind(4)).to.deep.equal(['nothing-to-gain', false])
    expect(kind(5)).to.deep.equal(['failed', false])
    const stopped = AbortSignal.abort('time')
    expect(kind(130, stopped)).to.deep.equal(['stopped', true])
    expect(kind(137, stopped)).to.deep.equal(['stopped', true])
    // It was through when somebody wanted it to end.
    expect(kind(0, stopped)).to.deep.equal(['done', false])
    const third = judge({ ...order, tries: 3 }, { ...run, status: 130 }, stopped)
    expect([third.kind, third.armed]).to.deep.equal(['stopped', false])
    expect(third.sentence).to.include('300 s')
    expect(notThisTime('it rains')).to.include({ armed: true, begun: false, sentence: 'not this time: it rains.' })
  })

  it('tells in one line how far it is and what is left', () => {
    expect(progressLine({ step: 'Moving blocks', done: 25, total: 100 }, 10, 250.7)).to.equal(
      'Moving blocks: 25 %, 30 s left (250 s at most; Esc stops)',
    )
    expect(progressLine({ step: 'Planning', done: 0, total: 0 }, 3.2, -1)).to.equal(
      'Planning: 3 s (0 s at most; Esc stops)',
    )
    expect(progressLine({ step: 'Reading the layout back', done: 99, total: 100 }, 1000, 3600).length).to.be.below(70)
  })
})

describe('the unit of the way down', () => {
  const template = readFileSync(new URL('../../share/shutdown/bootpack-shutdown.service', import.meta.url), 'utf8')
  const text = unitText(template, ['/usr/bin/node', '/usr/lib/boot pack/100%/bin/bootpack.js'])

  it('runs what it was given, whatever its path is', () => {
    expect(text).to.include(
      'ExecStop=/bin/sh -c \'exec "$$0" "$$@"\' /usr/bin/node "/usr/lib/boot pack/100%%/bin/bootpack.js" shutdown prepare\n',
    )
    expect(text).not.to.match(/@[A-Z]+@/)
  })

  it('is one that systemd understands', function () {
    if (!hasTool('systemd-analyze')) skip(this, 'needs systemd-analyze')
    const scratch = scratchFolder()
    try {
      const file = join(scratch.path, 'bootpack-shutdown.service')
      // The manual page comes with an installed package.
      writeFileSync(file, unitText(template, ['/bin/true', '/bin/true']).replace(/^Documentation=.*\n/m, ''))
      const { stderr, stdout } = run('systemd-analyze', ['verify', '--man=no', file], { ok: [0, 1] })
      expect(`${stdout}${stderr}`).not.to.include('bootpack-shutdown.service')
    } finally {
      scratch.remove()
    }
  })
})
