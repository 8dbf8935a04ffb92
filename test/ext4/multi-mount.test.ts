/**
 * Multiple-mount protection, as another machine meets it that shares the disk. Its part is
 * played by this kernel's own kmmpd and by e2fsck, while bootpack is made blind for what it
 * would see of them on its own machine: only the block tells.
 */
import { expect } from 'chai'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BootpackError } from '../../src/errors.js'
import { MultiMount } from '../../src/ext4/engine/multi-mount.js'
import { openImage } from '../../src/ext4/engine/open-image.js'
import { LeaseDoor, PermissionDoor } from '../../src/host/door.js'
import { Newcomers } from '../../src/host/newcomers.js'
import { FileStore } from '../../src/storage/file-store.js'
import type { Move, Volume } from '../../src/volume/volume.js'
import { checkImage, debugfs, hashFiles, makeImage } from '../support/images.js'
import { loopMount } from '../support/loop-mount.js'
import { randomMoves } from '../support/random-moves.js'
import { Random } from '../support/random.js'
import { opens, poke, refusal } from '../support/refusal.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'

const repository = new URL('../..', import.meta.url).pathname
const launcher = join(repository, 'bin/bootpack.js')

/** Sequences of the block, as debugfs prints them. */
const clean = 'ff4d4d50'
const checking = 'e24d4d50'

describe('multiple-mount protection', function () {
  this.timeout(180_000)
  const folder = scratchFolder()
  const at = (name: string): string => join(folder.path, name)
  const { second } = MultiMount
  const originals = { shutLease: LeaseDoor.prototype.shut, shutPermission: PermissionDoor.prototype.shut }
  const { look, glance, lastLook } = Newcomers.prototype
  const { write } = FileStore.prototype
  let hashes: Map<string, string>
  let undo: (() => unknown)[] = []

  before(function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'tune2fs')
    const random = new Random(7)
    mkdirSync(at('tree'))
    mkdirSync(at('mnt'))
    for (let i = 0; i < 120; i++)
      writeFileSync(join(at('tree'), `file${i}`), Buffer.alloc(random.between(1, 60) * 1024, `contents of ${i}, `))
    makeImage(at('original.img'), { size: 32 << 20, blockSize: 1024, tree: at('tree'), features: 'mmp,metadata_csum' })
    hashes = hashFiles(at('original.img'))
  })
  beforeEach(() => {
    MultiMount.second = 20
  })
  afterEach(async () => {
    MultiMount.second = second
    LeaseDoor.prototype.shut = originals.shutLease
    PermissionDoor.prototype.shut = originals.shutPermission
    Object.assign(Newcomers.prototype, { look, glance, lastLook })
    FileStore.prototype.write = write
    for (const action of undo.reverse()) await action()
    undo = []
  })
  after(folder.remove)

  const copy = (name: string, of = 'original.img'): string => {
    copyFileSync(at(of), at(name))
    return at(name)
  }
  /** Without checksums, so that a number can be written into the block by hand. */
  const plain = (name: string): string => {
    makeImage(at(name), { size: 32 << 20, blockSize: 1024, tree: at('tree'), features: 'mmp,^metadata_csum,^64bit' })
    return at(name)
  }
  /** As bootpack is for what happens on another machine. */
  const onAnotherMachine = (): void => {
    LeaseDoor.prototype.shut = PermissionDoor.prototype.shut = () => 'open'
    const blind = (): undefined => undefined
    Object.assign(Newcomers.prototype, { look: blind, glance: blind, lastLook: blind, rewritten: blind })
  }
  const { rewritten } = Newcomers.prototype
  afterEach(() => {
    Newcomers.prototype.rewritten = rewritten
  })

  const dump = (path: string): Record<string, string> =>
    Object.fromEntries(
      debugfs(path, 'dump_mmp')
        .split('\n')
        .map((line) => /^(\w+): (.*)$/.exec(line)?.slice(1) as [string, string])
        .filter((pair) => pair),
    )
  const place = (path: string): number => Number(dump(path)['block_number']) * 1024
  const takeOver = (path: string, sequence: number): void => {
    const word = Buffer.alloc(4)
    word.writeUInt32LE(sequence)
    poke(path, takenAt + 4, word)
  }
  let takenAt = 0

  async function opened(path: string, undoFile?: string): Promise<Volume> {
    takenAt = place(path)
    const volume = await openImage(path, { write: true, ...(undoFile !== undefined && { undoFile }) })
    undo.push(() => volume.close().catch(() => {}))
    return volume
  }
  const move = async (volume: Volume, seed: number): Promise<number> =>
    carryOut(volume, await randomMoves(volume, new Random(seed), 40))
  async function carryOut(volume: Volume, moves: readonly Move[]): Promise<number> {
    let blocks = 0
    for await (const { status, move } of volume.relocate(moves, { reserved: [] }))
      if (status === 'moved') blocks += move.length
    return blocks
  }
  const errorOf = (work: Promise<unknown>): Promise<BootpackError> =>
    work.then(
      () => {
        throw new Error('it went on')
      },
      (error: unknown) => error as BootpackError,
    )
  const whole = (path: string): void => {
    checkImage(path)
    expect([...hashFiles(path)].sort()).to.deep.equal([...hashes].sort())
  }
  const attach = (path: string): string => {
    const device = run('losetup', ['-f', '--show', path]).stdout.trim()
    undo.push(() => run('losetup', ['-d', device]))
    return device
  }

  for (const [title, features] of [
    ['with checksums of metadata', 'mmp,metadata_csum'],
    ['without', 'mmp,^metadata_csum,^64bit'],
  ] as const) {
    it(`is claimed before the first write and given back, ${title}`, async () => {
      onAnotherMachine()
      makeImage(at('claimed.img'), { size: 32 << 20, blockSize: 1024, tree: at('tree'), features })
      const volume = await opened(at('claimed.img'))
      expect(dump(at('claimed.img'))['sequence']).to.equal(clean)
      expect(await move(volume, 1)).to.be.greaterThan(0)
      const held = dump(at('claimed.img'))
      expect(held).to.include({
        sequence: checking,
        node_name: hostname().slice(0, 63),
        device_name: at('claimed.img').slice(0, 31),
      })
      // e2fsck on another machine is told so, and changes nothing.
      const check = run('e2fsck', ['-fy', at('claimed.img')], { ok: [8, 12] })
      expect(check.stdout + check.stderr).to.match(/e2fsck.*running|MMP/)
      await volume.close()
      expect(dump(at('claimed.img'))['sequence']).to.equal(clean)
      whole(at('claimed.img'))
    })
  }

  it('keeps the kernel of another machine from mounting, and lets it afterwards', async function () {
    needLoopMounts(this)
    onAnotherMachine()
    const path = copy('kernel.img')
    const volume = await opened(path)
    await move(volume, 2)
    const device = attach(path)
    const { status, stderr } = run('mount', ['-t', 'ext4', device, at('mnt')], { ok: [32] })
    expect(status, stderr).to.equal(32)
    expect(await move(volume, 3)).to.be.greaterThan(0)
    await volume.close()
    run('blockdev', ['--flushbufs', device])
    run('mount', ['-t', 'ext4', device, at('mnt')])
    run('umount', [at('mnt')])
    whole(path)
  })

  it('is refused while kmmpd of another machine counts, and taken when the number stands still', async function () {
    needLoopMounts(this)
    const loop = loopMount(at('original.img'))
    undo.push(() => loop.remove())
    const path = copy('counted.img')
    const block = place(path)
    const mirror = (): void => {
      const bytes = readFileSync(loop.device).subarray(block, block + 1024)
      poke(path, block, bytes)
    }
    mirror()
    // kmmpd writes every five seconds, and says that others have to wait for 21.
    MultiMount.second = 500
    const timer = setInterval(mirror, 200)
    const before = performance.now()
    const error = await errorOf(openImage(path, { write: true }))
    clearInterval(timer)
    expect(performance.now() - before).to.be.greaterThan(10_000)
    expect(error).to.include({ code: 'mmp-in-use', exitCode: 5 })
    expect(error.message).to.contain(`is mounted on ${hostname()}`)
    expect(error.next).to.contain('clear_mmp')
    MultiMount.second = 20
    await opens(path, { write: true })
  })

  it('is refused when another machine claims it at the same moment', async () => {
    onAnotherMachine()
    const path = plain('same-moment.img')
    const volume = await opened(path)
    let writes = 0
    FileStore.prototype.write = function (this: FileStore, ...args) {
      if (++writes === 1) setTimeout(() => takeOver(path, 0x1234), 50)
      return write.apply(this, args)
    }
    const error = await errorOf(move(volume, 4))
    expect(error).to.include({ code: 'mmp-in-use-meanwhile', family: 'refused', exitCode: 5 })
    expect(writes).to.equal(1)
    await volume.close()
    expect(dump(path)['sequence']).to.equal('00001234')
  })

  it('is refused when another machine used the filesystem between planning and the first write', async function () {
    needLoopMounts(this)
    onAnotherMachine()
    const path = copy('between.img')
    const volume = await opened(path)
    const moves = await randomMoves(volume, new Random(5), 40)
    const device = attach(path)
    run('mount', ['-t', 'ext4', device, at('mnt')])
    writeFileSync(join(at('mnt'), 'theirs'), 'theirs')
    run('umount', [at('mnt')])
    run('losetup', ['-d', device])
    undo.pop()
    const error = await errorOf(carryOut(volume, moves))
    expect(error).to.include({ exitCode: 5, family: 'refused' })
    await volume.close()
    checkImage(path)
    expect(hashFiles(path).has('/theirs')).to.equal(true)
  })

  it('taken by another machine in the middle ends the work before the next transaction', async () => {
    onAnotherMachine()
    const path = plain('taken.img')
    const volume = await opened(path)
    await move(volume, 6)
    takeOver(path, 0x4321)
    const before = readFileSync(path)
    const error = await errorOf(move(volume, 7))
    expect(error).to.include({ code: 'mmp-in-use-meanwhile', family: 'stopped', exitCode: 3 })
    expect(error.message).to.match(/is mounted on .*, says its multiple-mount protection.*nothing more was written/s)
    await volume.close()
    expect(readFileSync(path).equals(before)).to.equal(true)
  })

  it('is renewed while nothing is written', async () => {
    onAnotherMachine()
    const path = copy('renewed.img')
    const volume = await opened(path)
    await move(volume, 8)
    const first = dump(path)['time']
    await sleep(2500)
    expect(dump(path)['time']).to.not.equal(first)
    expect(await move(volume, 9)).to.be.greaterThan(0)
    await volume.close()
    whole(path)
  })

  it('is left alone by who writes nothing', async () => {
    const path = copy('unwritten.img')
    await (await opened(path)).close()
    const { status } = spawnSync(process.execPath, [launcher, 'plan', path, '--trace', traceOf(), '-o', at('p.plan')])
    expect(status).to.equal(0)
    expect(readFileSync(path).equals(readFileSync(at('original.img')))).to.equal(true)
  })

  it('is no part of an undo file', async () => {
    const path = copy('undone.img')
    const volume = await opened(path, at('undone.e2undo'))
    await move(volume, 10)
    await volume.close()
    run('e2undo', [at('undone.e2undo'), path])
    const now = readFileSync(path)
    const then = readFileSync(at('original.img'))
    now.fill(0, takenAt, takenAt + 1024)
    then.fill(0, takenAt, takenAt + 1024)
    expect(now.equals(then)).to.equal(true)
    expect(dump(path)['sequence']).to.equal(clean)
  })

  const traceOf = (): string => {
    writeFileSync(at('boot.list'), [...hashes.keys()].filter((_, index) => index % 3 === 0).join('\n'))
    return at('boot.list')
  }

  /** Moves blocks in a process of its own until it is killed. @returns when it has said `word` */
  async function killedAfter(path: string, word: 'waiting' | 'moved'): Promise<void> {
    const program = `
      import { MultiMount } from '${repository}src/ext4/engine/multi-mount.ts'
      import { openImage } from '${repository}src/ext4/engine/open-image.ts'
      import { randomMoves } from '${repository}test/support/random-moves.ts'
      import { Random } from '${repository}test/support/random.ts'
      MultiMount.second = '${word}' === 'waiting' ? 1000 : 20
      const volume = await openImage('${path}', { write: true, onWaiting: () => process.stdout.write('waiting ') })
      for (let seed = 1; ; seed++) {
        for await (const outcome of volume.relocate(await randomMoves(volume, new Random(seed), 40), { reserved: [] })) void outcome
        process.stdout.write('moved ')
      }`
    const child = spawn(
      process.execPath,
      ['--import=tsx', '--conditions=bootpack-source', '--input-type=module', '-e', program],
      { cwd: repository, stdio: ['ignore', 'pipe', 'inherit'] },
    )
    for await (const data of child.stdout as AsyncIterable<Buffer>) {
      if (data.toString().includes(word)) break
    }
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  it('of a process killed while it waits lets the kernel and e2fsck in after their own wait', async function () {
    needLoopMounts(this)
    const path = copy('killed-early.img')
    await killedAfter(path, 'waiting')
    expect(dump(path)['sequence']).to.not.be.oneOf([clean, checking])
    run('e2fsck', ['-fy', copy('killed-early-2.img', 'killed-early.img')])
    whole(at('killed-early-2.img'))
    const device = attach(path)
    run('mount', ['-t', 'ext4', device, at('mnt')])
    run('umount', [at('mnt')])
    whole(path)
  })

  it('of a process killed at work keeps everybody off until it is cleared', async function () {
    needLoopMounts(this)
    const path = copy('killed.img')
    await killedAfter(path, 'moved')
    expect(dump(path)['sequence']).to.equal(checking)
    const device = attach(path)
    run('mount', ['-t', 'ext4', device, at('mnt')], { ok: [32] })
    run('losetup', ['-d', device])
    undo.pop()
    run('e2fsck', ['-fy', path], { ok: [8, 12] })
    const error = await refusal(path, { write: true })
    expect(error).to.include({ code: 'mmp-in-use', exitCode: 5 })
    expect(error.message).to.match(/e2fsck or bootpack is at work on .* \(on .*, last on 20\d\d-/)
    const clear = /: (tune2fs .*)$/.exec(error.next!)![1]!
    run('sh', ['-c', clear])
    run('e2fsck', ['-fy', path], { ok: [0, 1] })
    whole(path)
    await opens(path, { write: true })
  })

  it('is given back on SIGINT', async () => {
    const path = copy('interrupted.img')
    const child = spawn(
      process.execPath,
      [launcher, 'pack', path, '--trace', traceOf(), '--evict', '-o', at('interrupted.plan')],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    let said = ''
    for await (const data of child.stderr as AsyncIterable<Buffer>) {
      said += data.toString()
      if (said.includes('multiple-mount protection') && !said.includes('Finishing')) child.kill('SIGINT')
    }
    const [status] = child.exitCode === null ? ((await once(child, 'exit')) as [number]) : [child.exitCode]
    expect(status, said).to.be.oneOf([130, 0])
    expect(said).to.contain('Waiting 11 s for other machines')
    expect(dump(path)['sequence']).to.equal(clean)
    whole(path)
  })
})
