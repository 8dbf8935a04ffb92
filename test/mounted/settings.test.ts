import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { BootpackError } from '../../src/errors.js'
import { AllocatorSettings, restoreRecorded } from '../../src/mounted/settings/allocator-settings.js'
import { openLive } from '../../src/mounted/engine/open.js'
import { SettingsRecord } from '../../src/mounted/settings/record.js'
import { resolveTarget } from '../../src/volume/target.js'
import { loopMount, type LoopMount } from '../support/loop-mount.js'
import { needLoopMounts, needTools, scratchFolder } from '../support/tools.js'

const repository = new URL('../..', import.meta.url).pathname

describe("live: the allocator's settings", () => {
  let mount: LoopMount
  let were: Record<string, string>
  const number = (): string =>
    readFileSync(join('/sys/class/block', mount.device.slice('/dev/'.length), 'dev'), 'utf8').trim()
  const record = (): string => join('/run/bootpack', number().replace(':', '-'))

  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs')
    mount = loopMount({ size: 64 << 20 })
    were = mount.settings()
  })
  after(() => mount?.remove())

  /** Another process that changes the settings, says so, and then does what it is told. */
  async function changed(then: string): Promise<ChildProcess> {
    const program = `
      import { AllocatorSettings } from './src/mounted/settings/allocator-settings.js'
      import { SettingsRecord } from './src/mounted/settings/record.js'
      const record = SettingsRecord.open('${number()}')
      const settings = new AllocatorSettings('${mount.sysfs}', record, 1)
      settings.change()
      console.log('changed')
      ${then}`
    const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', program], {
      cwd: repository,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve())
      child.once('exit', () => reject(new Error('it died before it changed anything')))
    })
    return child
  }
  const end = (child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve([child.exitCode, child.signalCode])
      else child.once('exit', (code, signal) => resolve([code, signal]))
    })

  it('are changed and changed back, and written down only meanwhile', () => {
    const held = SettingsRecord.open(number())
    const settings = new AllocatorSettings(mount.sysfs, held, 3)
    settings.change()
    const meanwhile = mount.settings()
    expect(meanwhile['mb_stream_req']).to.equal(String(2 ** 31 - 1))
    expect(meanwhile['mb_group_prealloc']).to.equal('1')
    // More than there are groups would keep the kernel busy for minutes.
    expect(Number(meanwhile['mb_max_linear_groups'] ?? 0)).to.be.at.most(3)
    expect(JSON.parse(readFileSync(record(), 'utf8')).saved).to.include({ mb_stream_req: were['mb_stream_req'] })
    settings.restore()
    settings.restore()
    expect(mount.settings()).to.deep.equal(were)
    expect(readFileSync(record(), 'utf8')).to.equal('')
    held.close()
  })

  it('come back when a signal ends the process, and it ends by that signal', async () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      const child = await changed('setInterval(() => {}, 1000)')
      expect(mount.settings()).to.not.deep.equal(were)
      child.kill(signal)
      expect(await end(child)).to.deep.equal([null, signal])
      expect(mount.settings(), signal).to.deep.equal(were)
    }
  })

  it('come back on exit and after an exception', async () => {
    for (const then of [
      'process.exit(3)',
      'process.on("uncaughtException", () => process.exit(4)); setTimeout(() => { throw new Error("x") }, 1)',
    ]) {
      await end(await changed(then))
      expect(mount.settings()).to.deep.equal(were)
    }
  })

  it('are left to a process that handles signals itself', async () => {
    const child = await changed(
      'process.on("SIGTERM", () => setTimeout(() => { settings.restore(); process.exit(7) }, 50)); setInterval(() => {}, 1000)',
    )
    child.kill('SIGTERM')
    expect(await end(child)).to.deep.equal([7, null])
    expect(mount.settings()).to.deep.equal(were)
  })

  it('come back after kill -9 when the filesystem is opened next', async () => {
    const child = await changed('setInterval(() => {}, 1000)')
    child.kill('SIGKILL')
    await end(child)
    expect(mount.settings()).to.not.deep.equal(were)
    const volume = await openLive(resolveTarget(mount.path), true)
    expect(mount.settings()).to.deep.equal(were)
    await volume.close()
  })

  it('stay as somebody else set them since', async () => {
    const child = await changed('setInterval(() => {}, 1000)')
    child.kill('SIGKILL')
    await end(child)
    writeFileSync(join(mount.sysfs, 'mb_stream_req'), '99')
    const volume = await openLive(resolveTarget(mount.path), true)
    expect(mount.settings()).to.deep.equal({ ...were, mb_stream_req: '99' })
    await volume.close()
    writeFileSync(join(mount.sysfs, 'mb_stream_req'), were['mb_stream_req']!)
  })

  it('belong to one process at a time; looking is free', async () => {
    const child = await changed('setInterval(() => {}, 1000)')
    try {
      await openLive(resolveTarget(mount.path), true).then(
        () => expect.fail('it opened'),
        (error: BootpackError) => {
          expect(error).to.include({ family: 'refused', code: 'in-use', exitCode: 5 })
        },
      )
      await (await openLive(resolveTarget(mount.path), false)).close()
    } finally {
      child.kill('SIGTERM')
      await end(child)
    }
  })

  it('are never written where a record was tampered with', () => {
    const folder = scratchFolder()
    try {
      const open = (name: string): SettingsRecord => SettingsRecord.open('7:99', join(folder.path, name))
      mkdirSync(join(folder.path, 'wide'), { mode: 0o700 })
      chmodSync(join(folder.path, 'wide'), 0o755)
      expect(() => open('wide'))
        .to.throw(BootpackError)
        .with.property('code', 'unsafe-record')
      symlinkSync(folder.path, join(folder.path, 'link'))
      expect(() => open('link'))
        .to.throw(BootpackError)
        .with.property('code', 'unsafe-record')
      mkdirSync(join(folder.path, 'trap'), { mode: 0o700 })
      symlinkSync('/etc/hostname', join(folder.path, 'trap', '7-99'))
      expect(() => open('trap')).to.throw(BootpackError, 'ELOOP')
      const held = open('fresh')
      expect(readdirSync(join(folder.path, 'fresh'))).to.deep.equal(['7-99'])
      const file = join(folder.path, 'fresh', '7-99')
      for (const text of [
        '{',
        '[]',
        'null',
        '{"folder":"/etc","saved":{},"set":{}}',
        '{"folder":"/sys/fs/ext4/x","saved":{"../y":"1"},"set":{}}',
        '{"folder":"/sys/fs/ext4/x","saved":{"mb_stream_req":"1; rm"},"set":{}}',
        '{"folder":"/sys/fs/ext4/..","saved":{},"set":{}}',
      ]) {
        writeFileSync(file, text)
        expect(held.read(), text).to.equal(undefined)
      }
      held.write({ folder: '/sys/fs/ext4/gone', saved: { mb_stream_req: '16' }, set: { mb_stream_req: '5' } })
      const read = held.read()!
      expect(read.saved).to.deep.equal({ mb_stream_req: '16' })
      // The filesystem is not mounted any more: nothing to restore.
      restoreRecorded(read)
      held.close()
    } finally {
      folder.remove()
    }
  })
})
