/**
 * Somebody comes while bootpack is at work on an image or device: what he finds, what
 * bootpack says, and that nothing is lost. The kernel's mounts, loop devices and opens
 * are real; what e2fsck and debugfs say afterwards decides.
 */
import { expect } from 'chai'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BootpackError, ioError } from '../../src/errors.js'
import { Guard } from '../../src/ext4/engine/guard.js'
import { LeaseDoor, PermissionDoor } from '../../src/host/door.js'
import { openImage } from '../../src/ext4/engine/open-image.js'
import { FileStore } from '../../src/storage/file-store.js'
import type { Move, Volume } from '../../src/volume/volume.js'
import { checkImage, hashFiles, makeImage } from '../support/images.js'
import { randomMoves } from '../support/random-moves.js'
import { Random } from '../support/random.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'

describe('somebody who comes meanwhile', function () {
  this.timeout(120_000)
  const folder = scratchFolder()
  const at = (name: string): string => join(folder.path, name)
  const original = at('original.img')
  const { write } = FileStore.prototype
  const { patience } = Guard
  const shutLease = LeaseDoor.prototype.shut
  const shutPermission = PermissionDoor.prototype.shut
  let hashes: Map<string, string>
  let undo: (() => unknown)[] = []

  before(function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck')
    const random = new Random(3)
    mkdirSync(at('tree'))
    mkdirSync(at('mnt'))
    for (let i = 0; i < 120; i++)
      writeFileSync(join(at('tree'), `file${i}`), Buffer.alloc(random.between(1, 100) * 1024, `contents of ${i}, `))
    makeImage(original, { size: 32 << 20, blockSize: 1024, tree: at('tree') })
    hashes = hashFiles(original)
  })
  afterEach(async () => {
    FileStore.prototype.write = write
    Guard.patience = patience
    LeaseDoor.prototype.shut = shutLease
    PermissionDoor.prototype.shut = shutPermission
    for (const action of undo.reverse()) await action()
    undo = []
  })
  after(folder.remove)

  const copy = (name: string): string => {
    copyFileSync(original, at(name))
    return at(name)
  }
  const attach = (...args: string[]): string => {
    const device = run('losetup', ['-f', '--show', ...args]).stdout.trim()
    undo.push(() => run('losetup', ['-d', device]))
    return device
  }
  /** As it is without root on a file of others, or where the kernel has no such doors. */
  const withoutDoors = (): void => {
    LeaseDoor.prototype.shut = PermissionDoor.prototype.shut = () => 'open'
  }
  /** Attaches as soon as the kernel lets it. */
  const attachLater = async (path: string): Promise<string> => {
    const losetup = child('losetup', '-f', '--show', path)
    const [device] = (await once(losetup.stdout!, 'data')) as [Buffer]
    undo.push(() => run('losetup', ['-d', device.toString().trim()]))
    return device.toString().trim()
  }
  /** Mounted, written to, and unmounted. */
  const useOnce = (device: string): void => {
    run('mount', [device, at('mnt')])
    writeFileSync(join(at('mnt'), 'newcomer'), 'his')
    run('umount', [at('mnt')])
  }
  const child = (...words: string[]): ChildProcess => {
    const started = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
    undo.push(() => started.kill('SIGKILL'))
    return started
  }
  /** Opens the file to write, then says so. */
  const writer = (path: string): ChildProcess => child('bash', '-c', 'exec 7<>"$0" && echo in && exec sleep 60', path)
  const reader = (path: string): ChildProcess => child('bash', '-c', 'exec 7<"$0" && echo in && exec sleep 60', path)
  const entered = (who: ChildProcess): Promise<boolean> =>
    new Promise((settle) => who.stdout!.once('data', () => settle(true)))

  async function opened(path: string, undoFile?: string): Promise<Volume> {
    const volume = await openImage(path, { write: true, ...(undoFile !== undefined && { undoFile }) })
    undo.push(() => volume.close().catch(() => {}))
    return volume
  }
  const planned = (volume: Volume, seed: number): Promise<Move[]> => randomMoves(volume, new Random(seed), 60)
  /** One round of moves. @returns blocks moved */
  async function carryOut(volume: Volume, moves: readonly Move[]): Promise<number> {
    let blocks = 0
    for await (const { status, move } of volume.relocate(moves, { reserved: [] }))
      if (status === 'moved') blocks += move.length
    return blocks
  }
  const move = async (volume: Volume, seed: number): Promise<number> => carryOut(volume, await planned(volume, seed))
  const errorOf = (work: Promise<unknown>): Promise<BootpackError> =>
    work.then(
      () => {
        throw new Error('it went on')
      },
      (error: unknown) => {
        expect(error, String((error as Error).stack)).to.be.instanceOf(BootpackError)
        return error as BootpackError
      },
    )
  /** Runs `action` once, just before the nth write from now reaches the file. */
  function atWrite(nth: number, action: () => void): void {
    let count = 0
    FileStore.prototype.write = function (this: FileStore, ...args) {
      if (++count === nth) action()
      return write.apply(this, args)
    }
  }
  const whole = (path: string, ...added: string[]): void => {
    checkImage(path)
    const now = hashFiles(path)
    for (const name of added) expect(now.delete(name), name).to.equal(true)
    expect([...now].sort()).to.deep.equal([...hashes].sort())
  }

  /** The same while this process is the doorkeeper, who must not wait for himself. */
  const wholeMeanwhile = async (path: string): Promise<void> => {
    const cp = child('cp', path, at('meanwhile.img'))
    expect(await once(cp, 'exit')).to.deep.equal([0, null])
    whole(at('meanwhile.img'))
  }

  describe('before the first write', () => {
    it('and attaches a loop device: refused, not a byte changed', async function () {
      needLoopMounts(this)
      const path = copy('attached.img')
      const volume = await opened(path)
      const device = attach(path)
      const error = await errorOf(move(volume, 1))
      expect(error).to.include({ family: 'refused', code: 'attached-meanwhile', exitCode: 5 })
      expect(error.message).to.contain('is as it was')
      expect(error.next).to.match(new RegExp(`^Detach it with: losetup -d ${device}\\.\nTo go on`))
      await volume.close()
      expect(readFileSync(path).equals(readFileSync(original))).to.equal(true)
    })

    it('and mounts it, writes and is gone: refused', async function () {
      needLoopMounts(this)
      const path = copy('gone.img')
      const volume = await opened(path)
      const moves = await planned(volume, 1)
      const device = run('losetup', ['-f', '--show', path]).stdout.trim()
      useOnce(device)
      run('losetup', ['-d', device])
      expect(await errorOf(carryOut(volume, moves))).to.include({ code: 'rewritten-meanwhile', exitCode: 5 })
      await volume.close()
      whole(path, '/newcomer')
    })

    it('and writes to the file behind a loop device, and is gone: refused', async function () {
      needLoopMounts(this)
      const path = copy('behind-gone.img')
      const volume = await opened(attach(path))
      const moves = await planned(volume, 1)
      // Bytes that ext4 leaves to the boot loader, in the page that holds the superblock.
      run('dd', [`of=${path}`, 'bs=512', 'count=1', 'conv=notrunc,fsync', 'status=none'], { input: 'x'.repeat(512) })
      expect(await errorOf(carryOut(volume, moves))).to.include({ code: 'rewritten-meanwhile', exitCode: 5 })
      await volume.close()
      expect(readFileSync(path).subarray(0, 512).equals(Buffer.alloc(512, 'x'))).to.equal(true)
      whole(path)
    })

    it('and truncates the file: refused', async () => {
      const path = copy('truncated.img')
      const volume = await opened(path)
      truncateSync(path, 48 << 20)
      expect(await errorOf(move(volume, 1))).to.include({ exitCode: 5 })
      await volume.close()
      whole(path)
    })

    it('and only planned: nothing is said when nothing is written', async function () {
      needLoopMounts(this)
      const path = copy('planned.img')
      const volume = await opened(path)
      attach(path)
      await volume.close()
    })
  })

  describe('between two rounds', () => {
    it('and wants to write waits, and gets a filesystem at rest when the work is done', async () => {
      const path = copy('waits.img')
      const volume = await opened(path)
      await move(volume, 1)
      const who = writer(path)
      const inside = entered(who)
      expect(await Promise.race([inside, sleep(300, false)])).to.equal(false)
      expect(await move(volume, 2)).to.be.above(0)
      expect(await Promise.race([inside, sleep(100, false)])).to.equal(false)
      await volume.close()
      expect(await inside).to.equal(true)
      whole(path)
    })

    it('and wants to write is let in after a while, to a filesystem at rest; then nothing is written', async () => {
      Guard.patience = 0
      const path = copy('let-in.img')
      const volume = await opened(path)
      const blocks = await move(volume, 1)
      const who = writer(path)
      const inside = entered(who)
      // While nothing is being written he is let in by himself.
      expect(await Promise.race([inside, sleep(5000, false)])).to.equal(true)
      whole(path)
      const before = readFileSync(path)
      const error = await errorOf(move(volume, 2))
      expect(error).to.include({ family: 'stopped', code: 'open-elsewhere-meanwhile', exitCode: 3 })
      expect(error.message).to.match(
        new RegExp(`^Process ${who.pid} .* ${blocks} blocks had been changed by then, and the filesystem is whole\\.$`),
      )
      expect(error.next).not.to.contain('e2fsck')
      await volume.close()
      expect(readFileSync(path).equals(before)).to.equal(true)
    })

    it('and only reads is let in at once, and the work goes on', async () => {
      const path = copy('reads.img')
      const volume = await opened(path)
      await move(volume, 1)
      const began = performance.now()
      await entered(reader(path))
      expect(performance.now() - began).to.be.below(5000)
      expect(await move(volume, 2)).to.be.above(0)
      await volume.close()
      whole(path)
    })

    it('as a second bootpack is refused, and the first goes on', async () => {
      const path = copy('second.img')
      const volume = await opened(path)
      await move(volume, 1)
      expect(await errorOf(openImage(path, { write: true }))).to.include({ code: 'in-use', exitCode: 5 })
      // What waits in the journal is no reason to run e2fsck now.
      const error = await errorOf(openImage(path, { write: false }))
      expect(error).to.include({ code: 'in-use', exitCode: 5 })
      expect(error.next).to.match(/^Wait until it is done/)
      expect(await move(volume, 2)).to.be.above(0)
      await volume.close()
      whole(path)
    })

    it('behind a loop device waits, and gets a filesystem at rest; then nothing is written', async function () {
      needLoopMounts(this)
      const path = copy('behind.img')
      const volume = await opened(attach(path))
      const blocks = await move(volume, 1)
      const other = await attachLater(path)
      // Nothing that this machine still remembers of the device is missing in the file.
      await wholeMeanwhile(path)
      const error = await errorOf(move(volume, 2))
      expect(error).to.include({ family: 'stopped', code: 'attached-meanwhile', exitCode: 3 })
      expect(error.message).to.contain(`${other} as well`).and.to.contain(`${blocks} blocks had been`)
      const before = readFileSync(path)
      await volume.close()
      expect(readFileSync(path).equals(before)).to.equal(true)
      whole(path)
    })

    it('behind a loop device waits, writes beside the filesystem, and is gone: nothing more is written', async function () {
      needLoopMounts(this)
      const path = copy('behind-marks.img')
      const volume = await opened(attach(path))
      await move(volume, 1)
      const marked = child('sh', '-c', `printf mark | dd of='${path}' conv=notrunc,fsync status=none`)
      await once(marked, 'exit')
      const error = await errorOf(move(volume, 2))
      expect(error).to.include({ family: 'stopped', code: 'rewritten-meanwhile', exitCode: 3 })
      await volume.close()
      expect(readFileSync(path).toString('latin1', 0, 4)).to.equal('mark')
      whole(path)
    })

    it('behind a loop device and only reads is let in, and the work goes on', async function () {
      needLoopMounts(this)
      const path = copy('behind-reader.img')
      const volume = await opened(attach(path))
      await move(volume, 1)
      await entered(reader(path))
      expect(await move(volume, 2)).to.be.above(0)
      await volume.close()
      run('sync', [])
      whole(path)
    })

    it('while a reader has the file open: waits, and gets a filesystem at rest', async function () {
      needLoopMounts(this)
      const path = copy('with-reader.img')
      await entered(reader(path))
      const volume = await opened(path)
      await move(volume, 1)
      const who = writer(path)
      await entered(who)
      await wholeMeanwhile(path)
      const error = await errorOf(move(volume, 2))
      expect(error).to.include({ family: 'stopped', code: 'open-elsewhere-meanwhile', exitCode: 3 })
      expect(error.message).to.contain(`Process ${who.pid} `)
      whole(path)
    })
  })

  describe('where nobody can be kept out', () => {
    beforeEach(withoutDoors)

    it('and mounts it through another loop device: nothing more is written, and it says what to do', async function () {
      needLoopMounts(this)
      const path = copy('beside.img')
      const device = attach(path)
      const volume = await opened(device)
      const blocks = await move(volume, 1)
      const other = attach(path)
      run('mount', [other, at('mnt')])
      undo.push(() => run('umount', [at('mnt')], { ok: [0, 32] }))
      writeFileSync(join(at('mnt'), 'newcomer'), 'his')
      const error = await errorOf(move(volume, 2))
      expect(error).to.include({ family: 'stopped', code: 'mounted-meanwhile', exitCode: 3 })
      expect(error.message)
        .to.contain(`mounted at ${at('mnt')}`)
        .and.to.contain(`${blocks} blocks had been`)
      expect(error.next).to.contain(`umount ${at('mnt')}`)
      await volume.close()
      run('umount', [at('mnt')])
      whole(path, '/newcomer')
    })

    it('and did so, and is gone again: the superblock tells', async function () {
      needLoopMounts(this)
      const path = copy('was-beside.img')
      const volume = await opened(attach(path))
      await move(volume, 1)
      const moves = await planned(volume, 2)
      const other = run('losetup', ['-f', '--show', path]).stdout.trim()
      useOnce(other)
      run('losetup', ['-d', other])
      const error = await errorOf(carryOut(volume, moves))
      expect(error).to.include({ family: 'stopped', code: 'changed-meanwhile', exitCode: 3 })
      await volume.close()
      whole(path, '/newcomer')
    })

    it('and mounts the file itself: nothing more is written', async function () {
      needLoopMounts(this)
      const path = copy('file.img')
      const volume = await opened(path)
      await move(volume, 1)
      run('mount', ['-o', 'loop', path, at('mnt')])
      undo.push(() => run('umount', [at('mnt')], { ok: [0, 32] }))
      writeFileSync(join(at('mnt'), 'newcomer'), 'his')
      expect(await errorOf(move(volume, 2))).to.include({ code: 'mounted-meanwhile', exitCode: 3 })
      await volume.close()
      run('umount', [at('mnt')])
      whole(path, '/newcomer')
    })

    it('and comes when all is done: what was reported holds, and closing says so once', async function () {
      needLoopMounts(this)
      const path = copy('late.img')
      const volume = await opened(attach(path))
      await move(volume, 1)
      attach(path)
      const error = await errorOf(volume.close())
      expect(error).to.include({ code: 'attached-meanwhile', exitCode: 3 })
      expect(error.next).to.contain('\nThen replay its journal with: e2fsck -fy ')
      run('e2fsck', ['-fy', path], { ok: [0, 1] })
      whole(path)
    })

    it('and shortens the file: nothing more is written', async () => {
      const path = copy('shortened.img')
      const volume = await opened(path)
      await move(volume, 1)
      truncateSync(path, (32 << 20) - 4096)
      expect(await errorOf(move(volume, 2))).to.include({ code: 'resized-meanwhile', exitCode: 3 })
    })

    for (const nth of [1, 2, 5, 9]) {
      it(`and comes just before write ${nth} of a round: no write but that one follows`, async function () {
        needLoopMounts(this)
        const path = copy(`middle-${nth}.img`)
        const volume = await opened(attach(path))
        await move(volume, 1)
        let after = 0
        atWrite(nth, () => {
          attach(path)
          FileStore.prototype.write = function (this: FileStore, ...args) {
            after++
            return write.apply(this, args)
          }
        })
        const error = await errorOf(move(volume, 2))
        expect(error).to.include({ code: 'attached-meanwhile', exitCode: 3 })
        // Copies are made several at once.
        expect(after).to.be.below(4)
        await volume.close()
        expect(after).to.be.below(4)
        run('e2fsck', ['-fy', path], { ok: [0, 1] })
        whole(path)
      })
    }
  })

  describe('or a disk that fails', () => {
    const failing = (match: (offset: number, buffer: Uint8Array) => boolean): void => {
      FileStore.prototype.write = function (this: FileStore, offset, buffer) {
        if (!match(offset, buffer)) return write.call(this, offset, buffer)
        const cause = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
        return Promise.reject(ioError(`${this.path}: cannot write at byte ${offset}: ${cause.message}`, cause))
      }
    }

    it('in the middle of a transaction: says to make room and to replay the journal', async () => {
      const path = copy('full.img')
      const volume = await opened(path)
      await move(volume, 1)
      // From the first write of the superblock on, which goes home last.
      failing((offset, buffer) => offset <= 1024 && offset + buffer.length > 1024)
      const error = await errorOf(move(volume, 2))
      expect(error).to.include({ family: 'io', exitCode: 1 })
      expect(error.message).to.contain('ENOSPC')
      expect(error.next).to.match(
        /^Make room on the disk that holds .*full\.img\..*\ne2fsck|Replay its journal with: e2fsck -fy .*full\.img$/,
      )
      FileStore.prototype.write = write
      await volume.close()
      run('e2fsck', ['-fy', path], { ok: [0, 1] })
      whole(path)
    })

    it('while several copies are under way above an undo file: the cause is told, not that it failed before', async () => {
      const path = copy('undo.img')
      const volume = await opened(path, at('undo'))
      failing(() => true)
      expect((await errorOf(move(volume, 1))).message).to.contain('ENOSPC')
    })
  })
})
