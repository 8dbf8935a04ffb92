import { spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { parseMountinfo } from '../../src/host/mountinfo.js'
import { holders, unmountAll } from '../../src/shutdown/exit/unmount-all.js'
import { Watchdogs } from '../../src/shutdown/exit/watchdogs.js'
import { withMounted } from '../../src/shutdown/exit/mounted-again.js'
import { putOutputs, writeDown } from '../../src/shutdown/exit/write-down.js'
import type { Order } from '../../src/shutdown/order.js'
import { mount } from '../../src/kernel/mount.js'
import { loopMount } from '../support/loop-mount.js'
import { isRoot, needLoopMounts, run, scratchFolder, skip } from '../support/tools.js'

const mountsBelow = (folder: string): string[] =>
  parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))
    .map(({ mountPoint }) => mountPoint)
    .filter((path) => path.startsWith(folder))

describe('on the way down', () => {
  const scratch = scratchFolder()
  after(() => {
    unmountAll(join(scratch.path, 'old'))
    scratch.remove()
  })

  describe('unmounting all', () => {
    const old = join(scratch.path, 'old')
    beforeEach(function () {
      if (!isRoot) skip(this, 'needs root to mount')
      mkdirSync(old, { recursive: true })
      const tmpfs = (target: string): void => {
        mkdirSync(target, { recursive: true })
        mount({ source: 'test', target, type: 'tmpfs' })
      }
      tmpfs(old)
      tmpfs(join(old, 'home'))
      tmpfs(join(old, 'home/deep'))
      // One that hides another.
      tmpfs(join(old, 'home'))
      mkdirSync(join(old, 'proc'))
      mount({ source: 'proc', target: join(old, 'proc'), type: 'proc' })
      mkdirSync(join(old, 'same'))
      mount({ source: old, target: join(old, 'same'), flags: ['bind'] })
    })

    it('leaves nothing, whatever lies upon what', () => {
      expect(mountsBelow(old)).to.have.length(6)
      expect(unmountAll(old)).to.equal(undefined)
      expect(mountsBelow(old)).to.deep.equal([])
    })

    it('names who holds something', async () => {
      const holder = spawn('sleep', ['60'], { cwd: join(old, 'same') })
      await once(holder, 'spawn')
      try {
        expect(holders(old)).to.deep.equal([`sleep (${holder.pid})`])
        // In memory all may go out of the tree; a disk may not, see below.
        expect(unmountAll(old)).to.equal(undefined)
      } finally {
        holder.kill()
        await once(holder, 'close')
      }
    })
  })

  it('a disk that somebody still uses stays mounted, and is named', async function () {
    needLoopMounts(this)
    const disk = loopMount({ size: 16 << 20 })
    const holder = spawn('sleep', ['60'], { cwd: disk.path })
    await once(holder, 'spawn')
    try {
      expect(unmountAll(disk.path)).to.deep.equal({ mountPoint: disk.path, by: [`sleep (${holder.pid})`] })
    } finally {
      holder.kill()
      await once(holder, 'close')
      disk.remove()
    }
  })

  it('what became of an order is on the disk when it is mounted again', async function () {
    needLoopMounts(this)
    const disk = loopMount({ size: 16 << 20 })
    try {
      disk.unmount()
      const root = join(scratch.path, 'root')
      const from = join(scratch.path, 'output')
      mkdirSync(root)
      mkdirSync(from)
      writeFileSync(join(from, 'plan'), 'a plan')
      writeFileSync(join(scratch.path, 'log'), 'what was said')
      const described = { mountPoint: '/', device: disk.device, type: 'ext4', options: 'rw,errors=remount-ro' }
      const order = {
        id: 'x',
        command: 'pack',
        inputs: [],
        folders: [],
        outputs: [
          { name: 'plan', to: '/packed.plan' },
          { name: 'never-written', to: '/other' },
        ],
      } as unknown as Order
      const mask = process.umask(0)
      await withMounted([described], root, () => {
        expect(putOutputs(root, order, from)).to.deep.equal(['/packed.plan'])
        const outcome = { version: 1, id: 'x', command: 'pack', kind: 'done', armed: true } as const
        writeDown(root, order, { ...outcome, when: '', seconds: 1, written: [] }, join(scratch.path, 'log'))
        return Promise.resolve()
      }).finally(() => process.umask(mask))
      expect(mountsBelow(root)).to.deep.equal([])
      disk.mount()
      // Names of files and what was said are nobody's business but root's, whatever the umask.
      for (const path of ['packed.plan', 'var/lib/bootpack/shutdown/log', 'var/lib/bootpack/shutdown/outcome.json'])
        expect(statSync(join(disk.path, path)).mode & 0o077, path).to.equal(0)
      expect(statSync(join(disk.path, 'var/lib/bootpack/shutdown')).mode & 0o077).to.equal(0)
      expect(readFileSync(join(disk.path, 'packed.plan'), 'utf8')).to.equal('a plan')
      const state = join(disk.path, 'var/lib/bootpack/shutdown')
      expect(readFileSync(join(state, 'log'), 'utf8')).to.equal('what was said')
      expect(JSON.parse(readFileSync(join(state, 'outcome.json'), 'utf8'))).to.include({ kind: 'done' })
      disk.check()
    } finally {
      disk.remove()
    }
  })

  describe('watchdogs', () => {
    const machine = (name: string, watchdogs: Record<string, Record<string, string>>): [string, string] => {
      const sys = join(scratch.path, name, 'sys')
      const dev = join(scratch.path, name, 'dev')
      mkdirSync(dev, { recursive: true })
      mkdirSync(sys)
      for (const [each, files] of Object.entries(watchdogs)) {
        mkdirSync(join(sys, each))
        writeFileSync(join(dev, each), '')
        for (const [file, text] of Object.entries(files)) writeFileSync(join(sys, each, file), `${text}\n`)
      }
      return [sys, dev]
    }
    const fed = (dev: string, name: string): number => readFileSync(join(dev, name)).length

    it('that count are told that the machine lives, and others are not opened', async () => {
      const [sys, dev] = machine('two', {
        watchdog0: { state: 'active', timeout: '1' },
        watchdog1: { state: 'inactive', timeout: '1' },
      })
      const watchdogs = new Watchdogs(sys, dev, {})
      expect(watchdogs.count).to.equal(1)
      await sleep(1200)
      const before = fed(dev, 'watchdog0')
      expect(before).to.be.greaterThan(2)
      watchdogs.leave()
      await sleep(500)
      expect(fed(dev, 'watchdog0')).to.equal(before + 1)
      expect(readFileSync(join(dev, 'watchdog0'), 'latin1')).not.to.include('V')
      expect(fed(dev, 'watchdog1')).to.equal(0)
    })

    it('are known by what systemd hands down where sysfs does not tell', () => {
      const [sys, dev] = machine('silent', { watchdog0: {} })
      const systemd = { WATCHDOG_USEC: '600000000' }
      const told = new Watchdogs(sys, dev, systemd)
      expect(told.count).to.equal(1)
      told.leave()
      expect(new Watchdogs(sys, dev, {}).count).to.equal(0)
      // Where it tells that none counts, that is so.
      const [quiet, other] = machine('quiet', { watchdog0: { state: 'inactive' } })
      expect(new Watchdogs(quiet, other, systemd).count).to.equal(0)
    })
  })
})

const script = new URL('../../share/shutdown/shutdown.sh', import.meta.url).pathname

for (const shell of ['dash', 'busybox']) {
  describe(`process 1 in ${shell}`, () => {
    const scratch = scratchFolder()
    const root = join(scratch.path, 'root')
    before(function () {
      if (!isRoot) skip(this, 'needs root for a root folder of its own')
      if (spawnSync('/bin/busybox', ['true']).status !== 0) skip(this, 'needs a static busybox')
      if (spawnSync(shell, shell === 'dash' ? ['-c', ':'] : ['true']).error) skip(this, `needs ${shell}`)
      for (const folder of ['bin', 'proc', 'order', 'tmp', 'app/dist/shutdown/exit'])
        mkdirSync(join(root, folder), { recursive: true })
      run('cp', ['/bin/busybox', join(root, 'bin/busybox')])
      for (const name of ['sleep', 'cat', 'echo', 'kill']) run('ln', ['-sf', 'busybox', join(root, 'bin', name)])
      if (shell === 'busybox') run('ln', ['-sf', 'busybox', join(root, 'bin/sh')])
      else {
        run('cp', ['-L', '/bin/dash', join(root, 'bin/sh')])
        for (const [, path] of run('ldd', ['/bin/dash']).stdout.matchAll(/(\/\S+) \(0x/g)) {
          run('mkdir', ['-p', join(root, path!, '..')])
          run('cp', ['-L', path!, join(root, path!)])
        }
      }
      run('mkdir', [join(root, 'dev')])
      run('mknod', [join(root, 'dev/null'), 'c', '1', '3'])
      run('cp', [script, join(root, 'shutdown')])
      writeFileSync(join(root, 'program'), '/bin/program\n/app\n')
    })
    after(() => scratch.remove())

    /** Runs it with a program in Node's place until `sysrq` got its keys, or it has ended. */
    async function goDown(
      program: string,
      verb: string,
      during: (pid: number) => Promise<void> = () => Promise.resolve(),
    ): Promise<{ keys: string; said: string; status: number | null }> {
      writeFileSync(join(root, 'bin/program'), `#!/bin/busybox sh\n${program}\n`, { mode: 0o755 })
      writeFileSync(join(root, 'proc/sysrq-trigger'), '')
      const keys = openSync(join(root, 'proc/sysrq-trigger'), 'r')
      // Each key replaces the one before; a pipe would block. So the last one is looked at, and what was said.
      const child = spawn('chroot', [root, '/bin/sh', '/shutdown', verb], {
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      })
      let said = ''
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => (said += text))
      let status: number | null | undefined
      const closed = once(child, 'exit').then(([code]: (number | null)[]) => (status = code ?? null))
      await during(child.pid!)
      const last = { poweroff: 'o', halt: 'u', reboot: 'b' }[verb]!
      const read = (): string => readFileSync(join(root, 'proc/sysrq-trigger'), 'utf8').trim()
      for (let n = 0; n < 200 && status === undefined && read() !== last; n++) await sleep(100)
      const found = read()
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch {
        // It has ended.
      }
      await closed
      closeSync(keys)
      return { keys: found, said, status: status ?? null }
    }

    it('brings the machine down by itself when the program fails', async function () {
      this.timeout(30_000)
      for (const [verb, key] of [
        ['reboot', 'b'],
        ['poweroff', 'o'],
      ] as const) {
        const { keys, said } = await goDown('echo "$@"; exit 1', verb)
        expect(keys).to.equal(key)
        expect(said).to.include(`main.js ${verb}\n`)
        expect(said).to.include(`main.js --down ${verb}\n`)
        expect(said).to.include('ended with 1')
      }
    })

    it('passes on Ctrl-Alt-Del, and waits for the end', async function () {
      this.timeout(30_000)
      const program = `case $2 in --down) exit 1 ;; esac
trap 'echo told; sleep 1; echo ended; exit 1' TERM; echo begun; while :; do sleep 0.1; done`
      const { said, keys } = await goDown(program, 'reboot', async (pid) => {
        await sleep(1500)
        process.kill(pid, 'SIGINT')
      })
      expect(said).to.match(/begun\n+told\n+ended\n/)
      expect(keys).to.equal('b')
    })

    it('ends a program that no longer keeps any time', async function () {
      this.timeout(30_000)
      writeFileSync(join(root, 'order/limit'), '2\n')
      const { said, keys } = await goDown(
        "case $2 in --down) exit 1 ;; esac; trap '' TERM; while :; do sleep 1; done",
        'poweroff',
      )
      run('rm', [join(root, 'order/limit')])
      expect(said).to.include('ended with 137')
      expect(keys).to.equal('o')
    })

    it('goes on in another environment that was made the root', async function () {
      this.timeout(30_000)
      // What is the root by then, it cannot tell from what was: only the script changes.
      const next = '#!/bin/sh\necho "next $*"\n'
      const { said, status } = await goDown(
        `printf '${next.replaceAll('\n', '\\n')}' >/shutdown; /bin/busybox chmod 755 /shutdown; exit 75`,
        'reboot',
      )
      run('cp', [script, join(root, 'shutdown')])
      expect(said).to.include('next reboot')
      expect(status).to.equal(0)
    })
  })
}
