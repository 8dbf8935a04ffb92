import { expect } from 'chai'
import { spawn, type ChildProcess } from 'node:child_process'
import {
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { BootpackError } from '../../src/errors.js'
import { openImage } from '../../src/ext4/engine/open-image.js'
import { checkImage, debugfsWrite, makeImage } from '../support/images.js'
import { opens, poke, refusal } from '../support/refusal.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'

const MiB = 1 << 20

const folder = scratchFolder()
const at = (name: string): string => join(folder.path, name)
const good = at('good.img')
const copy = (name: string): string => {
  copyFileSync(good, at(name))
  return at(name)
}

describe('the gate', () => {
  before(function () {
    needTools(this, 'mke2fs', 'debugfs')
    makeImage(good, { size: 16 * MiB })
    mkdirSync(at('mnt'))
  })
  after(folder.remove)

  describe('refuses a filesystem that', () => {
    const states: [title: string, code: string, commands: string[], readable: boolean][] = [
      ['has changes waiting in its journal', 'needs-recovery', ['feature needs_recovery'], false],
      ['was not cleanly unmounted', 'not-clean', ['ssv state 0'], true],
      ['has errors', 'has-errors', ['ssv state 3'], true],
      ['has errors and was not unmounted', 'has-errors', ['ssv state 2'], true],
      ['has orphans in a list', 'orphans', ['ssv last_orphan 12'], true],
      ['is having its orphans recovered', 'orphans', ['ssv state 5'], true],
      ['has orphans in a file', 'orphans', ['feature orphan_file orphan_present'], true],
      ['has its journal elsewhere', 'external-journal', ['ssv journal_inum 0', 'ssv journal_dev 0x803'], true],
      ['is not to be changed', 'feature-read-only', ['feature read-only'], true],
      ['has an unknown compatible feature', 'feature-unknown', ['ssv feature_compat 0x4000003c'], true],
      ['has a compatible feature that e2fsck does not write', 'feature-unknown', ['ssv feature_compat 0x13c'], true],
      ['shares blocks', 'feature-shared_blocks', ['feature shared_blocks'], false],
      ['has clusters', 'feature-bigalloc', ['feature bigalloc'], false],
      ['has an unknown feature', 'feature-unknown', ['ssv feature_incompat 0x80002c2'], false],
      ['has an unknown read-only feature', 'feature-unknown', ['ssv feature_ro_compat 0x8000046b'], false],
    ]
    for (const [title, code, commands, readable] of states) {
      it(title, async () => {
        const path = copy('state.img')
        debugfsWrite(path, commands)
        const error = await refusal(path, { write: true })
        expect(error).to.include({ code, exitCode: 5 })
        expect(error.message).to.match(/\.$/)
        expect(error.next).to.match(/\S/)
        if (readable) await opens(path, { write: false })
        else expect(await refusal(path, { write: false })).to.include({ code, exitCode: 5 })
      })
    }

    it('is in use, says its multiple-mount protection', async () => {
      makeImage(at('mmp.img'), { size: 16 * MiB, features: 'mmp,^metadata_csum' })
      await opens(at('mmp.img'), { write: true })
      const bytes = readFileSync(at('mmp.img'))
      const place = bytes.indexOf(Buffer.from([0x50, 0x4d, 0x4d, 0x00, 0x50, 0x4d, 0x4d, 0xff]))
      expect(place % 1024).to.equal(0)
      for (const [sequence, code, words] of [
        [0xe24d4d50, 'mmp-in-use', 'e2fsck or bootpack is at work'],
        [0xf0000000, 'mmp-unknown', 'unknown state'],
      ] as const) {
        const word = Buffer.alloc(4)
        word.writeUInt32LE(sequence)
        poke(at('mmp.img'), place + 4, word)
        for (const write of [false, true]) {
          const error = await refusal(at('mmp.img'), { write })
          expect(error).to.include({ code, exitCode: 5 })
          expect(error.message).to.contain(words)
          expect(error.next).to.contain('tune2fs -f -E clear_mmp')
        }
      }
    })

    it('is the journal of another', async () => {
      writeFileSync(at('journal.img'), '')
      truncateSync(at('journal.img'), 16 * MiB)
      run('mke2fs', ['-q', '-F', '-O', 'journal_dev', at('journal.img')])
      expect(await refusal(at('journal.img'), { write: false })).to.include({
        code: 'feature-journal_dev',
        exitCode: 5,
      })
    })

    it('has no journal, for writing', async () => {
      makeImage(at('bare.img'), { size: 16 * MiB, features: '^has_journal' })
      expect(await refusal(at('bare.img'), { write: true })).to.include({ code: 'no-journal', exitCode: 5 })
      await opens(at('bare.img'), { write: false })
    })

    it('was copied while it was mounted', async function () {
      needLoopMounts(this)
      for (const [features, code] of [
        ['has_journal', 'needs-recovery'],
        ['^has_journal', 'not-clean'],
      ] as const) {
        makeImage(at('live.img'), { size: 16 * MiB, features })
        run('mount', ['-o', 'loop', at('live.img'), at('mnt')])
        try {
          writeFileSync(at('mnt/file'), 'x')
          run('sync', ['-f', at('mnt')])
          copyFileSync(at('live.img'), at('copied.img'))
        } finally {
          run('umount', [at('mnt')])
        }
        expect(await refusal(at('copied.img'), { write: true })).to.include({ code, exitCode: 5 })
      }
    })

    it('was cut off', async () => {
      const path = copy('cut.img')
      truncateSync(path, 15 * MiB)
      expect(await refusal(path, { write: false })).to.include({
        family: 'corrupt',
        exitCode: 6,
        structure: 'superblock',
      })
    })

    it('has a superblock whose checksum is wrong', async () => {
      const path = copy('superblock.img')
      poke(path, 1024 + 0x78, Buffer.from('X'))
      expect(await refusal(path, { write: true })).to.include({
        family: 'corrupt',
        exitCode: 6,
        code: 'bad-superblock',
      })
    })
  })

  describe('refuses one in use', () => {
    let undo: (() => void)[] = []
    afterEach(() => {
      for (const action of undo.reverse()) action()
      undo = []
    })
    const attach = (...args: string[]): string => {
      const device = run('losetup', ['-f', '--show', ...args]).stdout.trim()
      undo.push(() => run('losetup', ['-d', device]))
      return device
    }
    const mount = (...args: string[]): void => {
      run('mount', [...args, at('mnt')])
      undo.push(() => run('umount', [at('mnt')]))
    }

    it('mounted: image and device, for writing and for reading', async function () {
      needLoopMounts(this)
      const path = copy('mounted.img')
      const device = attach(path)
      mount(device)
      for (const target of [path, device]) {
        for (const write of [true, false]) {
          const error = (await openImage(target, { write }).then(
            () => undefined,
            (reason: unknown) => reason,
          )) as BootpackError
          expect(error, target).to.include({ family: 'refused', code: 'mounted', exitCode: 5 })
          expect(error.message).to.contain(`mounted at ${at('mnt')}`)
          expect(error.next).to.contain(`umount ${at('mnt')}`)
        }
      }
    })

    it('mounted read-only, for writing only', async function () {
      needLoopMounts(this)
      const path = copy('mounted-ro.img')
      mount('-o', 'loop,ro', path)
      expect(await refusal(path, { write: true })).to.include({ code: 'mounted', exitCode: 5 })
      await opens(path, { write: false })
    })

    it('of which another partition is mounted, and points at the partition', async function () {
      needLoopMounts(this)
      needTools(this, 'addpart', 'delpart')
      const device = attach(copy('partitioned.img'))
      run('addpart', [device, '1', '0', String((16 * MiB) / 512)])
      undo.push(() => run('delpart', [device, '1']))
      mount(`${device}p1`)
      const error = (await openImage(device, { write: true }).then(
        () => undefined,
        (reason: unknown) => reason,
      )) as BootpackError
      expect(error).to.include({ code: 'mounted', exitCode: 5 })
      expect(error.message).to.contain(`(through ${device}p1)`)
      expect(error.next).to.contain('another partition')
    })

    it('attached to a loop device, for writing only; the device itself will do', async function () {
      needLoopMounts(this)
      const path = copy('attached.img')
      const device = attach(path)
      const error = await refusal(path, { write: true })
      expect(error).to.include({ code: 'attached', exitCode: 5 })
      expect(error.next).to.contain(`losetup -d ${device}`)
      await opens(path, { write: false })
      await opens(device, { write: true })
      checkImage(path)
    })

    it('whose device another program has to itself', async function () {
      needLoopMounts(this)
      const device = attach(copy('exclusive.img'))
      const other = openSync(device, constants.O_RDWR | constants.O_EXCL)
      try {
        const error = await openImage(device, { write: true }).then(
          () => undefined,
          (reason: unknown) => reason,
        )
        expect(error).to.include({ family: 'refused', code: 'in-use', exitCode: 5 })
        await opens(device, { write: false })
      } finally {
        closeSync(other)
      }
      await opens(device, { write: true })
    })

    it('that is open in this process, or in another bootpack', async () => {
      const path = copy('twice.img')
      const first = await openImage(path, { write: true })
      expect(await refusal(path, { write: true })).to.include({ family: 'refused', code: 'in-use', exitCode: 5 })
      await opens(path, { write: false })
      await first.close()
      await opens(path, { write: true })
    })

    it('that another process has open for writing', async () => {
      const path = copy('elsewhere.img')
      const holder = await holding(path, '<>')
      try {
        const error = await refusal(path, { write: true })
        expect(error).to.include({ family: 'refused', code: 'open-elsewhere', exitCode: 5 })
        expect(error.message).to.contain(String(holder.pid))
        await opens(path, { write: false })
      } finally {
        await end(holder)
      }
      const reader = await holding(path, '<')
      await opens(path, { write: true })
      await end(reader)
    })

    async function holding(path: string, how: '<' | '<>'): Promise<ChildProcess> {
      const child = spawn('bash', ['-c', `exec 7${how}"$0" && echo ready && exec sleep 60`, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await new Promise((ready) => child.stdout.once('data', ready))
      return child
    }

    async function end(child: ChildProcess): Promise<void> {
      const gone = new Promise((exit) => child.once('exit', exit))
      child.kill('SIGKILL')
      await gone
    }

    it('by a virtual machine that locks it', async function () {
      needTools(this, 'qemu-io')
      const path = copy('machine.img')
      const child = spawn('qemu-io', ['-f', 'raw', '-c', 'sleep 60000', path], { stdio: 'ignore' })
      try {
        while (!run('ls', ['-l', `/proc/${child.pid}/fd`]).stdout.includes(path)) await setTimeout(20)
        expect(await refusal(path, { write: true })).to.include({ code: 'open-elsewhere', exitCode: 5 })
      } finally {
        await end(child)
      }
    })
  })
})
