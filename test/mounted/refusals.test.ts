import { spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  copyFileSync,
  chmodSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { BootpackError } from '../../src/errors.js'
import { fsBlock, fileBlock } from '../../src/layout/block.js'
import { liveEngine, openLive } from '../../src/mounted/engine/open.js'
import { findMounted } from '../../src/mounted/engine/filesystem.js'
import { resolveTarget } from '../../src/volume/target.js'
import type { Move, MoveOutcome, Volume } from '../../src/volume/volume.js'
import { filefrag, loopMount, type LoopMount } from '../support/loop-mount.js'
import { hasTool, needLoopMounts, needTools, run, scratchFolder, skip } from '../support/tools.js'

describe('live: what is refused', () => {
  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs')
  })

  async function refusal(mount: LoopMount): Promise<BootpackError> {
    try {
      await (await openLive(resolveTarget(mount.path), true)).close()
    } catch (error) {
      expect(error).to.be.instanceOf(BootpackError)
      expect((error as BootpackError).exitCode).to.equal(5)
      expect((error as BootpackError).next, 'a way out').to.be.a('string')
      return error as BootpackError
    }
    throw new Error('it opened')
  }

  const cases: { name: string; code: string; recipe: Parameters<typeof loopMount>[0]; options?: string[] }[] = [
    { name: 'a read-only mount', code: 'read-only', recipe: { size: 32 << 20 }, options: ['ro'] },
    { name: 'data=journal', code: 'data-journal', recipe: { size: 32 << 20 }, options: ['data=journal'] },
    { name: 'fast_commit', code: 'fast-commit', recipe: { size: 32 << 20, features: 'fast_commit' } },
    { name: 'no extents', code: 'no-extents', recipe: { size: 32 << 20, features: '^extent,^64bit' } },
    { name: 'no journal', code: 'no-journal', recipe: { size: 32 << 20, features: '^has_journal' } },
    { name: 'a mount without its journal', code: 'no-journal', recipe: { size: 32 << 20 }, options: ['noload'] },
    { name: 'bigalloc', code: 'feature-bigalloc', recipe: { size: 64 << 20, features: 'bigalloc' } },
  ]
  for (const { name, code, recipe, options } of cases) {
    it(name, async () => {
      const mount = loopMount(recipe, ...(options ?? []))
      try {
        const settings = mount.settings()
        expect(await refusal(mount)).to.have.property('code', code)
        expect(mount.settings()).to.deep.equal(settings)
      } finally {
        mount.remove()
      }
    })
  }

  it('another filesystem, and says which', async () => {
    const folder = scratchFolder()
    try {
      run('mount', ['-t', 'tmpfs', 'none', folder.path])
      await openLive(resolveTarget(folder.path), true).then(
        () => expect.fail('it opened'),
        (error: BootpackError) => {
          expect(error).to.include({ family: 'unsupported', code: 'not-ext4', exitCode: 5 })
          expect(error.message).to.contain('tmpfs')
        },
      )
    } finally {
      spawnSync('umount', [folder.path])
      folder.remove()
    }
  })

  it('btrfs, whose subvolumes have device numbers that no mount has', function () {
    if (!hasTool('mkfs.btrfs')) skip(this, 'needs mkfs.btrfs')
    const folder = scratchFolder()
    const at = (name: string): string => join(folder.path, name)
    try {
      run('truncate', ['-s', '128M', at('image')])
      run('mkfs.btrfs', ['-q', at('image')])
      mkdirSync(at('mnt'))
      if (run('mount', ['-o', 'loop', at('image'), at('mnt')], { ok: [0, 32] }).status !== 0)
        skip(this, 'needs btrfs, which this kernel does not have')
      run('btrfs', ['subvolume', 'create', at('mnt/volume')])
      for (const path of [at('mnt'), at('mnt/volume')])
        expect(() => findMounted(resolveTarget(path)), path)
          .to.throw(/lies on btrfs; bootpack moves blocks of mounted ext4 and XFS/)
          .with.property('code', 'not-a-disk-filesystem')
    } finally {
      spawnSync('umount', [at('mnt')])
      folder.remove()
    }
  })

  it('a mount of nothing but a folder of it', async () => {
    const mount = loopMount({ size: 32 << 20 })
    const folder = scratchFolder()
    try {
      mkdirSync(join(mount.path, 'part'))
      run('mount', ['--bind', join(mount.path, 'part'), folder.path])
      // The whole of it is mounted elsewhere: that is used.
      await (await openLive(resolveTarget(folder.path), false)).close()
      run('umount', ['--lazy', mount.path])
      await openLive(resolveTarget(folder.path), false).then(
        () => expect.fail('it opened'),
        (error: BootpackError) => {
          expect(error).to.include({ code: 'partly-mounted' })
        },
      )
    } finally {
      spawnSync('umount', [folder.path])
      folder.remove()
      mount.remove()
    }
  })

  it('somebody who is not root, with the way out', function () {
    if (!hasTool('setpriv')) skip(this, 'needs setpriv')
    const mount = loopMount({ size: 32 << 20 })
    try {
      const program = `
        import { openLive } from './src/mounted/engine/open.js'
        import { resolveTarget } from './src/volume/target.js'
        for (const write of [true, false])
          await openLive(resolveTarget(${JSON.stringify(mount.path)}), write).catch((error) => console.log(error.code, error.exitCode, error.message, error.next))`
      chmodSync(join(mount.path, '..'), 0o755)
      const ran = run(
        'setpriv',
        ['--reuid=12345', '--clear-groups', process.execPath, '--import=tsx', '--input-type=module', '-e', program],
        { cwd: new URL('../..', import.meta.url).pathname },
      )
      expect(ran.stdout).to.match(
        /^not-root 5 Packing .* needs root\..*sudo.*\nnot-root 5 Where the files .* is read.*sudo/,
      )
    } finally {
      mount.remove()
    }
  })

  it('claims what is its own', async () => {
    const mount = loopMount({ size: 32 << 20 })
    try {
      expect(await liveEngine.claim(resolveTarget(mount.path))).to.equal(3)
      expect(await liveEngine.claim(resolveTarget(mount.device))).to.equal(3)
      expect(await liveEngine.claim(resolveTarget('/proc'))).to.equal(1)
      expect(await liveEngine.claim(resolveTarget(mount.image))).to.equal(undefined)
      mount.unmount()
      expect(await liveEngine.claim(resolveTarget(mount.device))).to.equal(undefined)
    } finally {
      mount.remove()
    }
  })
})

describe('live: files that stay, each with its reason', () => {
  let mount: LoopMount
  let volume: Volume | undefined
  async function shut(): Promise<void> {
    const open = volume
    volume = undefined
    await open?.close()
  }
  const path = (name: string): string => join(mount.path, name)

  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'chattr', 'python3')
    mount = loopMount({ size: 128 << 20, features: 'inline_data' })
  })
  after(async () => {
    await shut()
    mount?.check()
    mount?.remove()
  })

  /** Tries to move the first extent of a file; expects nothing to have moved. */
  async function tryMove(name: string): Promise<MoveOutcome> {
    await shut()
    volume = await openLive(resolveTarget(mount.path), true)
    const { ino } = statSync(path(name))
    const [extent] = await volume.extents((await volume.byInode(ino))!)
    const free = (await volume.freeRuns(fsBlock(0), fsBlock(volume.geometry().blockCount))).find(
      ({ length }) => length > 2000,
    )!
    const move: Move = {
      inode: ino,
      kind: 'data',
      logical: extent?.logical ?? fileBlock(0),
      length: extent?.length ?? 1,
      from: extent?.physical ?? fsBlock(5000),
      to: fsBlock(free.start + 7),
    }
    const before = filefrag(path(name))
    const outcomes: MoveOutcome[] = []
    for await (const outcome of volume.relocate([move], { reserved: [] })) outcomes.push(outcome)
    expect(outcomes).to.have.length(1)
    if (outcomes[0]!.status !== 'moved') expect(filefrag(path(name))).to.deep.equal(before)
    return outcomes[0]!
  }

  const plain = (name: string, length = 40_000): void => writeFileSync(path(name), Buffer.alloc(length, name))

  it('immutable and append-only', async () => {
    for (const [letter, reason] of [
      ['i', 'immutable'],
      ['a', 'append-only'],
    ]) {
      plain(`attribute-${letter}`)
      run('chattr', [`+${letter}`, path(`attribute-${letter}`)])
      try {
        expect(await tryMove(`attribute-${letter}`)).to.include({ status: 'skipped', reason })
        expect((await volume!.byInode(statSync(path(`attribute-${letter}`)).ino))!.immovable).to.equal(reason)
      } finally {
        run('chattr', [`-${letter}`, path(`attribute-${letter}`)])
      }
    }
  })

  it('running', async () => {
    copyFileSync('/bin/sleep', path('running'))
    chmodSync(path('running'), 0o755)
    const child = spawn(path('running'), ['60'])
    try {
      await new Promise<void>((resolve) => child.once('spawn', () => resolve()))
      expect(await tryMove('running')).to.include({ status: 'skipped', reason: 'running' })
    } finally {
      child.kill()
      await new Promise((resolve) => child.once('exit', resolve))
    }
    expect(await tryMove('running')).to.include({ status: 'moved' })
    expect(readFileSync(path('running')).equals(readFileSync('/bin/sleep'))).to.equal(true)
  })

  it('locked by another process', async () => {
    plain('locked')
    const child = spawn('python3', [
      '-c',
      `
import fcntl, sys
f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX, 1, 0); print('held', flush=True); sys.stdin.read()`,
      path('locked'),
    ])
    try {
      await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
      expect(await tryMove('locked')).to.include({ status: 'skipped', reason: 'locked' })
    } finally {
      child.kill()
      await new Promise((resolve) => child.once('exit', resolve))
    }
  })

  it('in use as swap', async function () {
    needTools(this, 'mkswap', 'swapon', 'swapoff')
    plain('swap', 2 << 20)
    chmodSync(path('swap'), 0o600)
    run('mkswap', [path('swap')])
    // A prepared one stays as well: a hibernated system may wake up from it.
    expect((await tryMove('swap')).status).to.equal('moved')
    expect((await volume!.byInode(statSync(path('swap')).ino))!.immovable).to.equal('swap-file')
    if (spawnSync('swapon', [path('swap')]).status !== 0) skip(this, 'this kernel takes no swap file here')
    try {
      expect(await tryMove('swap')).to.include({ status: 'skipped', reason: 'swap-file' })
    } finally {
      run('swapoff', [path('swap')])
    }
  })

  it('inline, not regular, and gone', async () => {
    writeFileSync(path('tiny'), 'x')
    expect(await tryMove('tiny')).to.include({ status: 'skipped', reason: 'inline-data' })
    mkdirSync(path('folder'))
    for (let i = 0; i < 100; i++) writeFileSync(path(`folder/an entry that takes some room ${i}`), '')
    expect(await tryMove('folder')).to.include({ status: 'skipped', reason: 'not-regular' })
    plain('short-lived')
    const { ino } = statSync(path('short-lived'))
    rmSync(path('short-lived'))
    const move: Move = {
      inode: ino,
      kind: 'data',
      logical: fileBlock(0),
      length: 1,
      from: fsBlock(5000),
      to: fsBlock(6000),
    }
    for await (const outcome of volume!.relocate([move], { reserved: [] }))
      expect(outcome).to.include({ status: 'gone' })
    run('mkfifo', [path('pipe')])
    for await (const outcome of volume!.relocate([{ ...move, inode: statSync(path('pipe')).ino }], { reserved: [] })) {
      expect(outcome).to.include({ status: 'skipped', reason: 'not-regular' })
    }
  })

  /** Runs a test on a filesystem of its own. */
  async function elsewhere(
    recipe: Parameters<typeof loopMount>[0],
    test: (other: LoopMount) => Promise<void>,
  ): Promise<void> {
    const kept = mount
    await shut()
    mount = loopMount(recipe)
    try {
      await test(mount)
      await shut()
      mount.check()
    } finally {
      await shut()
      mount.remove()
      mount = kept
    }
  }

  it('mapped by indirect blocks', () =>
    elsewhere({ size: 64 << 20, features: '^extent,^64bit' }, async (other) => {
      plain('old', 200_000)
      other.unmount()
      run('tune2fs', ['-O', 'extent', other.device])
      other.mount()
      expect(await tryMove('old')).to.include({ status: 'skipped', reason: 'indirect-mapped' })
    }))

  it('encrypted', function () {
    return elsewhere({ size: 64 << 20, features: 'encrypt' }, async (other) => {
      const ran = run(
        'python3',
        [
          '-c',
          `
import ctypes, fcntl, os, struct, sys
folder = sys.argv[1] + '/sealed'
os.mkdir(folder)
fd = os.open(folder, os.O_RDONLY)
key = bytearray(struct.pack('<II32sII8I', 2, 0, b'', 64, 0, *[0] * 8) + bytes(range(64)))
fcntl.ioctl(fd, 0xC0506617, key)
policy = struct.pack('<BBBBB3s16s', 2, 1, 4, 2, 0, b'', bytes(key[8:24]))
fcntl.ioctl(fd, 0x800C6613, policy)
open(folder + '/file', 'wb').write(b'secret' * 9000)`,
          other.path,
        ],
        { ok: [0, 1] },
      )
      if (ran.status !== 0) skip(this, `this kernel does not encrypt files: ${ran.stderr.trim().split('\n').at(-1)}`)
      expect(await tryMove('sealed/file')).to.include({ status: 'skipped', reason: 'encrypted' })
      expect((await volume!.byInode(statSync(path('sealed/file')).ino))!.immovable).to.equal('encrypted')
    })
  })

  it('preallocated behind the end of the file', async () => {
    plain('ahead', 8192)
    run('fallocate', ['--keep-size', '--offset', '8192', '--length', '40960', path('ahead')])
    expect(await tryMove('ahead')).to.include({ status: 'moved' })
    run('python3', ['-c', 'import os, sys; f = os.open(sys.argv[1], os.O_RDWR); os.ftruncate(f, 100)', path('ahead')])
    run('fallocate', ['--keep-size', '--length', '40960', path('ahead')])
    const fd = openSync(path('ahead'), constants.O_RDWR)
    writeSync(fd, 'x', 0)
    closeSync(fd)
    const outcome = await tryMove('ahead')
    expect(['moved', 'preallocated']).to.include(outcome.reason ?? outcome.status)
  })
})
