import { spawn } from 'node:child_process'
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { errnoNumber, KernelError } from '../../src/kernel/errno.js'
import { fallocate, tryFallocate } from '../../src/kernel/fallocate.js'
import { fileAdvise } from '../../src/kernel/fadvise.js'
import { fibmap } from '../support/fibmap.js'
import { fileDataSync } from '../../src/kernel/fdatasync.js'
import { countExtents, fiemap } from '../../src/kernel/fiemap.js'
import { directoryEntries } from '../../src/kernel/getdents.js'
import { getFsMap, type SpaceOwner } from '../../src/kernel/getfsmap.js'
import { tryLock } from '../../src/kernel/flock.js'
import { lockHolder } from '../../src/kernel/getlk.js'
import { inodeFlag, inodeFlags } from '../../src/kernel/inode-flags.js'
import { dataRanges } from '../../src/kernel/data-ranges.js'
import { residentRanges } from '../../src/kernel/mincore.js'
import { moveExtent, tryMoveExtent } from '../../src/kernel/move-extent.js'
import { openByInode } from '../../src/kernel/open-by-handle.js'
import { pageSize } from '../../src/kernel/page-size.js'
import { ext4Magic, filesystemSpace } from '../../src/kernel/statfs.js'
import { syncFilesystem } from '../../src/kernel/syncfs.js'
import { openTemporaryFile } from '../../src/kernel/temporary-file.js'
import { filefrag, loopMount, type LoopMount } from '../support/loop-mount.js'
import { needLoopMounts, needTools, run } from '../support/tools.js'

const block = 4096

describe('kernel: calls on a mounted filesystem', () => {
  let mount: LoopMount
  const open = new Set<number>()
  const opened = (fd: number): number => {
    open.add(fd)
    return fd
  }
  const path = (name: string): string => join(mount.path, name)

  /** A file with holes, unwritten blocks and more than one extent. */
  function patchwork(name: string): number {
    const fd = opened(openSync(path(name), 'w+'))
    for (const at of [0, 1, 2, 7, 8, 30]) writeSync(fd, Buffer.alloc(block, at + 1), 0, block, at * block)
    fallocate(fd, 'allocate', 12 * block, 5 * block)
    ftruncateSync(fd, 40 * block)
    return fd
  }

  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'filefrag', 'dumpe2fs', 'lsattr', 'chattr', 'python3', 'fincore')
    mount = loopMount({ size: 64 << 20, blockSize: block })
  })
  afterEach(() => {
    for (const fd of open) closeSync(fd)
    open.clear()
  })
  after(() => {
    mount?.check()
    mount?.remove()
  })

  it('FIEMAP says what filefrag says', () => {
    const fd = patchwork('patchwork')
    const mine = fiemap(fd).map(({ logical, physical, length, unwritten }) => ({
      logical: logical / block,
      physical: physical / block,
      length: length / block,
      unwritten,
    }))
    const theirs = filefrag(path('patchwork')).map(({ flags, ...rest }) => ({
      ...rest,
      unwritten: flags.includes('unwritten'),
    }))
    expect(mine).to.deep.equal(theirs)
    expect(mine.map(({ logical }) => logical)).to.deep.equal([0, 7, 12, 30])
    expect(mine.map(({ unwritten }) => unwritten)).to.deep.equal([false, false, true, false])
    expect(countExtents(fd)).to.equal(4)
  })

  it('FIEMAP gives a part, an empty file, and more extents than one batch holds', () => {
    const fd = patchwork('part')
    expect(fiemap(fd, { from: 7 * block, to: 13 * block }).map(({ logical }) => logical / block)).to.deep.equal([7, 12])
    const empty = opened(openSync(path('empty'), 'w+'))
    expect(fiemap(empty)).to.deep.equal([])
    const many = opened(openSync(path('many'), 'w+'))
    for (let i = 0; i < 1300; i++) writeSync(many, Buffer.alloc(block, 1), 0, block, 2 * i * block)
    expect(fiemap(many).map(({ logical }) => logical / block)).to.deep.equal(
      Array.from({ length: 1300 }, (_, i) => 2 * i),
    )
    expect(countExtents(many)).to.equal(1300)
  })

  it('FIEMAP sees directories, and the extended-attribute block', () => {
    const root = opened(openSync(mount.path, 'r'))
    const stat = run('debugfs', ['-R', 'blocks /', mount.device]).stdout.trim().split(/\s+/).map(Number)
    expect(
      fiemap(root).flatMap((e) => Array.from({ length: e.length / block }, (_, i) => e.physical / block + i)),
    ).to.deep.equal(stat)
    const fd = opened(openSync(path('with-xattr'), 'w+'))
    run('python3', ['-c', 'import os, sys; os.setxattr(sys.argv[1], "user.long", b"x" * 2000)', path('with-xattr')])
    fileDataSync(fd)
    syncFilesystem(root)
    const told = Number(/File ACL: (\d+)/.exec(run('debugfs', ['-R', 'stat /with-xattr', mount.device]).stdout)![1])
    expect(fiemap(fd, { xattr: true }).map(({ physical }) => physical / block)).to.deep.equal([told])
  })

  it('FIBMAP agrees with FIEMAP, block by block', () => {
    const fd = patchwork('bmap')
    const expected = new Map(
      fiemap(fd)
        .filter((e) => !e.unwritten)
        .flatMap((e) =>
          Array.from({ length: e.length / block }, (_, i): [number, number] => [
            e.logical / block + i,
            e.physical / block + i,
          ]),
        ),
    )
    for (const logical of [0, 1, 2, 3, 7, 8, 9, 30, 31, 1000])
      expect(fibmap(fd, logical), String(logical)).to.equal(expected.get(logical))
    expect(() => fibmap(fd, -1)).to.throw(RangeError)
    const directory = opened(openSync(mount.path, 'r'))
    expect(() => fibmap(directory, 0)).to.throw(KernelError, 'FIBMAP')
  })

  it('GETFSMAP accounts for every block, with the free and fixed ones dumpe2fs lists', () => {
    const root = opened(openSync(mount.path, 'r'))
    syncFilesystem(root)
    const map = getFsMap(root)
    let end = 0
    for (const run of map) {
      expect(run.physical).to.equal(end)
      end += run.length
    }
    expect(end).to.equal(64 << 20)
    const blocksOf = (...owners: SpaceOwner[]): number[] =>
      map
        .filter(({ owner }) => owners.includes(owner))
        .flatMap(({ physical, length }) => Array.from({ length: length / block }, (_, i) => physical / block + i))
    const told = run('dumpe2fs', [mount.device]).stdout
    const ranges = (text: string): number[] =>
      [...text.matchAll(/(\d+)(?:-(\d+))?/g)].flatMap(([, from, to]) =>
        Array.from({ length: Number(to ?? from) - Number(from) + 1 }, (_, i) => Number(from) + i),
      )
    expect(blocksOf('free')).to.deep.equal(
      ranges([...told.matchAll(/^ {2}Free blocks: (.*)$/gm)].map(([, list]) => list).join(' ')),
    )
    const all = (pattern: RegExp): number[] =>
      [...told.matchAll(pattern)].flatMap(([, range]) => ranges(range!)).sort((a, b) => a - b)
    expect(blocksOf('block-bitmap')).to.deep.equal(all(/Block bitmap at (\d+)/g))
    expect(blocksOf('inode-bitmap')).to.deep.equal(all(/Inode bitmap at (\d+)/g))
    expect(blocksOf('inode-table')).to.deep.equal(all(/Inode table at ([\d-]+)/g))
    expect(blocksOf('superblock')).to.deep.equal(all(/(?:Primary|Backup) superblock at (\d+)/g))
    expect(blocksOf('group-descriptors')).to.deep.equal(all(/Group descriptors at ([\d-]+)/g))
    const part = getFsMap(root, 5 << 20, 6 << 20)
    expect(part[0]!.physical).to.be.at.most(5 << 20)
    expect(part.at(-1)!.physical + part.at(-1)!.length).to.be.at.least(6 << 20)
  })

  it('MOVE_EXT exchanges blocks with a nameless donor and leaves contents and times alone', () => {
    const fd = opened(openSync(path('moved'), 'w+'))
    for (let i = 0; i < 10; i++) writeSync(fd, Buffer.alloc(block, i + 1), 0, block, i * block)
    fileDataSync(fd)
    const before = { contents: readFileSync(path('moved')), stat: statSync(path('moved'), { bigint: true }) }
    const donor = opened(openTemporaryFile(mount.path))
    expect(readdirSync(mount.path)).to.not.include.members([`#${fstatSync(donor).ino}`])
    fallocate(donor, 'allocate', 100 * block, 4 * block)
    const [target] = fiemap(donor)
    expect(moveExtent({ original: fd, donor, originalStart: 3, donorStart: 100, length: 4 })).to.equal(4)
    expect(fiemap(fd, { from: 3 * block, to: 7 * block })).to.deep.include({
      ...target,
      logical: 3 * block,
      unwritten: false,
    })
    expect(readFileSync(path('moved'))).to.deep.equal(before.contents)
    const after = statSync(path('moved'), { bigint: true })
    expect([after.mtimeNs, after.ctimeNs, after.blocks]).to.deep.equal([
      before.stat.mtimeNs,
      before.stat.ctimeNs,
      before.stat.blocks,
    ])
    expect(tryMoveExtent({ original: fd, donor: fd, originalStart: 0, donorStart: 0, length: 1 })).to.deep.equal({
      moved: 0,
      errno: errnoNumber.EINVAL,
    })
    const readOnly = opened(openSync(path('moved'), 'r'))
    expect(() => moveExtent({ original: readOnly, donor, originalStart: 0, donorStart: 100, length: 1 })).to.throw(
      KernelError,
      'EBADF',
    )
  })

  it('fallocate allocates, punches, zeroes in place, inserts, and says why not', () => {
    const fd = opened(openSync(path('allocated'), 'w+'))
    writeSync(fd, Buffer.alloc(8 * block, 7))
    fileDataSync(fd)
    const [before] = fiemap(fd)
    fallocate(fd, 'zeroRange', 2 * block, 2 * block)
    expect(fiemap(fd).map(({ physical, unwritten }) => [physical - before!.physical, unwritten])).to.deep.equal([
      [0, false],
      [2 * block, true],
      [4 * block, false],
    ])
    fallocate(fd, 'punchHole', 0, 2 * block)
    expect(fiemap(fd)[0]!.logical).to.equal(2 * block)
    fallocate(fd, 'insertRange', 4 * block, block)
    expect(fiemap(fd).map(({ logical }) => logical / block)).to.deep.equal([2, 5])
    expect(fstatSync(fd).size).to.equal(9 * block)
    expect(tryFallocate(fd, 'allocate', 0, 1 << 30)).to.equal(errnoNumber.ENOSPC)
    expect(() => fallocate(fd, 'allocate', 0, 1 << 30))
      .to.throw(KernelError)
      .with.property('family', 'no-space')
    ftruncateSync(fd, 0)
    expect(() => fallocate(fd, 'allocate', 0.5, 1)).to.throw(RangeError)
  })

  it('mincore finds what was read, and nothing after it was dropped', () => {
    const fd = opened(openSync(path('resident'), 'w+'))
    writeSync(fd, Buffer.alloc(64 * block + 100, 1))
    fileDataSync(fd)
    const size = fstatSync(fd).size
    fileAdvise(fd, 'dontNeed')
    expect(residentRanges(fd, size)).to.deep.equal([])
    fileAdvise(fd, 'willNeed', 8 * block, 4 * block)
    readSync(fd, Buffer.alloc(4 * block), 0, 4 * block, 8 * block)
    const resident = residentRanges(fd, size)
    expect(resident.some(({ from, length }) => from <= 8 * block && from + length >= 12 * block)).to.equal(true)
    const pages = Number(
      JSON.parse(run('fincore', ['--json', '--bytes', '--output', 'PAGES', path('resident')]).stdout).fincore[0].pages,
    )
    expect(resident.reduce((sum, { length }) => sum + length / 4096, 0)).to.equal(pages)
    expect(residentRanges(fd, 0)).to.deep.equal([])
  })

  it('residency of a file of 15 TiB is asked where it has data, and nowhere else', () => {
    const fd = opened(openSync(path('sparse'), 'w+'))
    const far = 14 * 2 ** 40
    // Without that, this would ask for four thousand million pages.
    ftruncateSync(fd, 15 * 2 ** 40)
    writeSync(fd, Buffer.alloc(block, 1), 0, block, 3 * block)
    writeSync(fd, Buffer.alloc(block, 1), 0, block, far)
    fileDataSync(fd)
    expect(dataRanges(fd, 0, fstatSync(fd).size)).to.deep.equal([
      { from: 3 * block, length: block },
      { from: far, length: block },
    ])
    expect(dataRanges(fd, 4 * block, far)).to.deep.equal([])
    expect(dataRanges(fd, far + 1, far + 2)).to.deep.equal([{ from: far + 1, length: 1 }])
    expect(residentRanges(fd, fstatSync(fd).size)).to.deep.equal([
      { from: 3 * 4096, length: 4096 },
      { from: far, length: 4096 },
    ])
    fileAdvise(fd, 'dontNeed')
    expect(residentRanges(fd, fstatSync(fd).size)).to.deep.equal([])
  })

  it("F_GETLK sees another process's lock", async () => {
    const fd = opened(openSync(path('locked'), 'w+'))
    writeSync(fd, 'x')
    expect(lockHolder(fd)).to.equal(undefined)
    const holder = spawn('python3', [
      '-c',
      `
import fcntl, sys
f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX, 1, 0); print('held', flush=True); sys.stdin.read()`,
      path('locked'),
    ])
    try {
      await new Promise<void>((resolve) => holder.stdout.once('data', () => resolve()))
      expect(lockHolder(fd)).to.deep.equal({ pid: holder.pid, kind: 'write' })
    } finally {
      holder.kill()
      await new Promise((resolve) => holder.once('exit', resolve))
    }
    expect(lockHolder(fd)).to.equal(undefined)
  })

  it('GETFLAGS says what lsattr says', () => {
    const fd = opened(openSync(path('flagged'), 'w+'))
    expect(inodeFlags(fd) & inodeFlag.extents).to.not.equal(0)
    for (const [letter, bit] of [
      ['i', inodeFlag.immutable],
      ['a', inodeFlag.appendOnly],
    ] as const) {
      run('chattr', [`+${letter}`, path('flagged')])
      try {
        expect(run('lsattr', [path('flagged')]).stdout.split(' ')[0]).to.contain(letter)
        expect(inodeFlags(fd) & bit, letter).to.not.equal(0)
      } finally {
        run('chattr', [`-${letter}`, path('flagged')])
      }
      expect(inodeFlags(fd) & bit, letter).to.equal(0)
    }
  })

  it('statfs says what stat -f says', () => {
    const root = opened(openSync(mount.path, 'r'))
    const space = filesystemSpace(root)
    const [blockSize, blocks, free, available] = run('stat', ['-f', '-c', '%S %b %f %a', mount.path])
      .stdout.trim()
      .split(' ')
      .map(Number)
    expect(space).to.deep.equal({ type: ext4Magic, blockSize, blocks, free, available })
  })

  it('opens by inode number, and refuses a free one', () => {
    const root = opened(openSync(mount.path, 'r'))
    writeFileSync(path('by-number'), 'contents')
    const { ino } = statSync(path('by-number'))
    const fd = opened(openByInode(root, ino, constants.O_RDONLY))
    expect(readFileSync(fd, 'utf8')).to.equal('contents')
    expect(() => openByInode(root, 3000, constants.O_RDONLY)).to.throw(KernelError, 'ESTALE')
  })

  it('lists a directory with inode numbers and types', () => {
    mkdirSync(path('listed'))
    for (let i = 0; i < 500; i++) writeFileSync(path(`listed/a file with a fairly long name ${i}`), '')
    mkdirSync(path('listed/folder'))
    symlinkSync('nowhere', path('listed/link'))
    writeFileSync(Buffer.concat([Buffer.from(path('listed/')), Buffer.from([0x66, 0xff, 0x0a])]), '')
    const fd = opened(openSync(path('listed'), 'r'))
    const mine = directoryEntries(fd).map(({ name, inode, type }) => `${name.toString('latin1')} ${inode} ${type}`)
    const theirs = readdirSync(path('listed'), { withFileTypes: true, encoding: 'buffer' } as never) as unknown as {
      name: Buffer
      isFile(): boolean
      isDirectory(): boolean
    }[]
    expect(mine.map((line) => line.replace(/ \d+ (\S+)$/, ' $1'))).to.have.members(
      theirs.map(
        (entry) =>
          `${entry.name.toString('latin1')} ${entry.isFile() ? 'regular' : entry.isDirectory() ? 'directory' : 'symlink'}`,
      ),
    )
    for (const entry of mine.filter((line) => line.startsWith('folder ') || line.startsWith('link '))) {
      const name = entry.split(' ')[0]!
      expect(entry.split(' ')[1]).to.equal(run('stat', ['-c', '%i', path(`listed/${name}`)]).stdout.trim())
    }
  })

  it('flock is free again when its holder is gone', async () => {
    const fd = opened(openSync(path('held'), 'w+'))
    const holder = spawn('python3', [
      '-c',
      `
import fcntl, sys
f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()`,
      path('held'),
    ])
    try {
      await new Promise<void>((resolve) => holder.stdout.once('data', () => resolve()))
      expect(tryLock(fd)).to.equal(false)
    } finally {
      holder.kill('SIGKILL')
      await new Promise((resolve) => holder.once('exit', resolve))
    }
    expect(tryLock(fd)).to.equal(true)
  })

  it('knows the size of a page', () => {
    expect(pageSize()).to.equal(Number(run('getconf', ['PAGESIZE']).stdout))
  })
})
