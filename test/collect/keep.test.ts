/** What keeps a boot packed: its units as systemd reads them, put in place and taken away below a folder. */
import { expect } from 'chai'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { keepServiceText, keepTimerText, type KeepJob } from '../../src/collect/setup/keep-units.js'
import { PinnedRoot } from '../../src/collect/setup/pinned-root.js'
import { runKeeping, type KeepReport } from '../../src/collect/setup/run-keeping.js'
import { runSetup } from '../../src/collect/setup/run-setup.js'
import { planKeeping } from '../../src/collect/setup/setup.js'
import { BootpackError } from '../../src/errors.js'
import { needTools, run, scratchFolder } from '../support/tools.js'
import { bootpack } from './support.js'

const service = 'etc/systemd/system/bootpack-keep.service'
const timer = 'etc/systemd/system/bootpack-keep.timer'
const wants = 'etc/systemd/system/timers.target.wants'
const link = `${wants}/bootpack-keep.timer`
const job: KeepJob = {
  program: ['/usr/bin/bootpack'],
  target: '/',
  trace: '/var/lib/bootpack/profile.trace.gz',
  maxBytes: '64M',
}

describe('keeping a boot packed', () => {
  const scratch = scratchFolder()
  let number = 0
  let root: string
  const at = (path: string): string => join(root, path)
  const keep = (action: KeepReport['action'], more: Partial<KeepJob> = {}): KeepReport =>
    runKeeping({ action, root, self: [], job: { ...job, ...more } })

  beforeEach(() => {
    root = join(scratch.path, `root${number++}`)
    mkdirSync(at('usr/lib/systemd'), { recursive: true })
    writeFileSync(at('usr/lib/systemd/systemd'), '')
    mkdirSync(at('etc/systemd'), { recursive: true })
  })
  after(() => scratch.remove())

  it('is asked of systemd in units it takes without a word', function () {
    needTools(this, 'systemd-analyze')
    const folder = join(scratch.path, "it's 50% $HOME")
    mkdirSync(folder)
    const program = join(folder, 'program')
    writeFileSync(program, '#!/bin/sh\n')
    chmodSync(program, 0o755)
    const units = join(scratch.path, 'units')
    mkdirSync(units)
    const trace = join(folder, 'a trace')
    const paths = [
      ['bootpack-keep.service', keepServiceText({ ...job, program: [program], trace, plan: join(folder, 'plan') }, [])],
      ['bootpack-keep.timer', keepTimerText()],
    ].map(([name, text]) => {
      writeFileSync(join(units, name!), text!)
      return join(units, name!)
    })
    const { stdout, stderr } = run('systemd-analyze', ['verify', ...paths], { ok: [0, 1] })
    expect((stderr + stdout).split('\n').filter((line) => line.includes('bootpack'))).to.deep.equal([])
    const weekly = run('systemd-analyze', ['calendar', /^OnCalendar=(.*)$/m.exec(keepTimerText())![1]!]).stdout
    expect(weekly).to.contain('Mon *-*-* 00:00:00')
  })

  it('runs a command this program has, when nobody else wants the machine', () => {
    const text = keepServiceText({ ...job, plan: '/var/lib/bootpack/packed.plan' }, [])
    expect(text).to.contain(
      `ExecStart=/bin/sh -c 'exec "$$0" "$$@"' /usr/bin/bootpack pack / --drifted --evict --trace /var/lib/bootpack/profile.trace.gz --plan /var/lib/bootpack/packed.plan -o /var/lib/bootpack/packed.plan --max-bytes 64M\n`,
    )
    for (const line of [
      'CPUSchedulingPolicy=idle',
      'IOSchedulingClass=idle',
      'ConditionACPower=true',
      'ConditionPathExists=/var/lib/bootpack/profile.trace.gz',
      'SuccessExitStatus=3 4',
    ]) {
      expect(text).to.contain(`\n${line}\n`)
    }
    expect(keepTimerText())
      .to.match(/\nPersistent=true\n/)
      .and.to.match(/\nRandomizedDelaySec=6h\n/)
    mkdirSync(join(scratch.path, 'none'))
    // The words as they are parsed: a trace that is not there is said, not a flag that is not.
    const words = /^ExecStart=.*\/usr\/bin\/bootpack (.*)$/m
      .exec(text)![1]!
      .replaceAll('/var/lib/bootpack', join(scratch.path, 'none'))
      .split(' ')
    expect(bootpack(words, [2]).stderr).to.contain('packed.plan')
  })

  it('takes absolute paths only, and no control characters', () => {
    expect(() => keepServiceText({ ...job, trace: 'a.trace' }, [])).to.throw(BootpackError, 'absolute')
    expect(() => keepServiceText({ ...job, target: '.' }, [])).to.throw(BootpackError, 'absolute')
    expect(() => keepServiceText({ ...job, trace: '/a\nExecStart=/evil' }, [])).to.throw(
      BootpackError,
      'control character',
    )
    for (const path of ['/a\\', '/a '])
      expect(() => keepServiceText({ ...job, trace: path }, [])).to.throw(
        BootpackError,
        'ends in a blank or a backslash',
      )
  })

  it('is shown, put in place, and taken away without a trace', () => {
    const shown = keep('show')
    expect(shown.files.map(({ path, state }) => [path, state])).to.deep.equal([
      [service, 'missing'],
      [timer, 'missing'],
      [link, 'missing'],
    ])
    expect(existsSync(at('etc/systemd/system'))).to.equal(false)
    const applied = keep('apply')
    expect(applied.complete).to.equal(false)
    expect(applied.todo[0]).to.contain('There is no /var/lib/bootpack/profile.trace.gz yet')
    expect(readFileSync(at(service), 'utf8')).to.equal(keepServiceText(job, ['etc/systemd/system', wants]))
    expect(readFileSync(at(timer), 'utf8')).to.equal(keepTimerText())
    expect(readlinkSync(at(link))).to.equal('../bootpack-keep.timer')
    const inodes = [service, timer, link].map((path) => lstatSync(at(path)).ino)
    mkdirSync(at('var/lib/bootpack'), { recursive: true })
    writeFileSync(at('var/lib/bootpack/profile.trace.gz'), '')
    expect(keep('apply')).to.deep.include({ written: [], todo: [], complete: true })
    expect([service, timer, link].map((path) => lstatSync(at(path)).ino)).to.deep.equal(inodes)
    expect(keep('apply', { maxBytes: '8M' }).written).to.deep.equal([at(service)])
    expect(keep('remove').removed).to.deep.equal([link, timer, service, wants, 'etc/systemd/system'].map(at))
    expect(existsSync(at('etc/systemd/system'))).to.equal(false)
    expect(existsSync(at('etc/systemd'))).to.equal(true)
    expect(keep('remove').removed).to.deep.equal([])
  })

  it('goes with the recording, but not the recording with it', () => {
    const setup = (action: 'apply' | 'remove'): readonly string[] => {
      const { written, removed } = runSetup({ action, root, self: [], events: 1000 })
      return [...written, ...removed]
    }
    const recording = at('etc/systemd/system/bootpack-collect.service')
    setup('apply')
    keep('apply')
    keep('remove')
    expect([existsSync(recording), existsSync(at(service))]).to.deep.equal([true, false])
    keep('apply')
    expect(setup('remove')).to.include.members([recording, at(service), at(timer), at(link)])
    expect(existsSync(at('etc/systemd/system'))).to.equal(false)
  })

  it("leaves alone what is somebody else's", () => {
    mkdirSync(at('etc/systemd/system'), { recursive: true })
    writeFileSync(at(timer), '[Timer]\nOnCalendar=daily\n')
    for (const action of ['show', 'apply', 'remove'] as const)
      expect(() => keep(action)).to.throw(BootpackError, 'was not written by bootpack')
    expect(existsSync(at(service))).to.equal(false)
    writeFileSync(at(timer), keepTimerText())
    mkdirSync(at(wants))
    symlinkSync('../other.timer', at(link))
    expect(() => keep('apply')).to.throw(BootpackError, 'was not written by bootpack')
  })

  it('needs systemd', () => {
    root = join(scratch.path, 'bare')
    mkdirSync(root)
    const pinned = PinnedRoot.open(root)
    expect(() => planKeeping(pinned, job)).to.throw(BootpackError, 'no systemd')
    pinned.close()
  })

  it('is a flag of the command', () => {
    const { stdout } = bootpack([
      'collect',
      'setup',
      '--keep',
      '--root',
      root,
      '--max-bytes',
      '16M',
      '--trace',
      '/x.trace',
    ])
    expect(stdout)
      .to.contain(
        `ExecStart=/bin/sh -c 'exec "$$0" "$$@"' /usr/bin/bootpack pack / --drifted --evict --trace /x.trace --max-bytes 16M\n`,
      )
      .and.to.contain('Nothing was changed')
    expect(bootpack(['collect', 'setup', '--keep', '--root', root, '--max-bytes', 'much'], [2]).stderr).to.contain(
      'no number of bytes',
    )
    bootpack(['collect', 'setup', '--keep', '--apply', '--root', root], [3])
    expect(existsSync(at(link)) || lstatSync(at(link)).isSymbolicLink()).to.equal(true)
    bootpack(['collect', 'setup', '--keep', '--remove', '--root', root])
    expect(existsSync(at('etc/systemd/system'))).to.equal(false)
  })
})
