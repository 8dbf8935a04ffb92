import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { fileBlock, fsBlock } from '../../src/layout/block.js'
import { tryFallocate } from '../../src/kernel/fallocate.js'
import { openLive } from '../../src/mounted/engine/open.js'
import { resolveTarget } from '../../src/volume/target.js'
import { filefrag, loopMount, type LoopMount } from '../support/loop-mount.js'
import { hasTool, needLoopMounts, needOthersCanRead, needTools, run, skip } from '../support/tools.js'
import { differences, footprints } from '../mounted/aged.js'
import { e4defrag, mainline, type Printed } from './run.js'

const block = 4096

/** A tree with everything in it: fragmented files, whole ones, holes, and what is no file. */
function plant(root: string): void {
  mkdirSync(join(root, 'sub'))
  const files = ['one', 'two', 'sub/three', `sub/${'a name that is too long for its column '.repeat(2)}`]
  for (let piece = 0; piece < 7; piece++) {
    for (const name of files) {
      const fd = openSync(join(root, name), 'a')
      writeSync(fd, Buffer.alloc(2 * block, name))
      fsyncSync(fd)
      closeSync(fd)
    }
  }
  for (let piece = 0; piece < 4; piece++) {
    for (const name of ['holes', 'sub/between']) {
      const fd = openSync(join(root, name), piece === 0 ? 'w' : 'r+')
      writeSync(fd, Buffer.alloc(2 * block, name), 0, 2 * block, 3 * piece * block)
      fsyncSync(fd)
      closeSync(fd)
    }
  }
  writeFileSync(join(root, 'whole'), Buffer.alloc(20 * block, 'whole'))
  writeFileSync(join(root, 'empty'), '')
  writeFileSync(join(root, 'nothing but a hole'), '')
  truncateSync(join(root, 'nothing but a hole'), 10 * block)
  symlinkSync('one', join(root, 'link'))
  run('mkfifo', [join(root, 'pipe')])
  writeFileSync(join(root, 'lost+found', 'found'), 'x')
}

/** Everything behind the line with the version. */
const rest = ({ status, out, error }: Printed): { status: number | null; out: string[]; error: string[] } => ({
  status,
  out: out.split('\n').slice(1),
  error: error.split('\n'),
})

/** Takes a file apart: its blocks from `at` on go far away. */
async function tear(mount: LoopMount, name: string, at: number): Promise<void> {
  const volume = await openLive(resolveTarget(mount.path), true)
  const { file } = (await volume.lookup(`/${name}`))!
  const extents = await volume.extents(file)
  const torn = extents.find(({ logical, length }) => logical + length > at)!
  const length = Math.min(500, torn.logical + torn.length - at)
  const home = (await volume.freeRuns(fsBlock(0), fsBlock(volume.geometry().blockCount))).at(-1)!
  const from = fsBlock(torn.physical + at - torn.logical)
  const move = {
    inode: file.inode,
    kind: 'data' as const,
    logical: fileBlock(at),
    length,
    from,
    to: fsBlock(home.start + home.length - length),
  }
  for await (const { status } of volume.relocate([move], { reserved: [] })) expect(status).to.equal('moved')
  await volume.close()
}

describe('e4defrag: as mainline', () => {
  let master: LoopMount

  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'e2fsck', 'e4defrag', 'filefrag')
    master = loopMount({ size: 256 << 20, blockSize: block })
    plant(master.path)
    master.unmount()
  })
  after(() => master?.remove())

  /** Runs something on a fresh copy of the tree, in one place, so that paths are the same. */
  async function onCopy<Result>(work: (mount: LoopMount) => Result | Promise<Result>): Promise<Result> {
    const mount = loopMount(master.image)
    try {
      const result = await work(mount)
      mount.check()
      return result
    } finally {
      mount.remove()
    }
  }

  const looks = [
    ['-c', '.', 'one', 'whole', 'two', 'sub', 'empty', 'pipe', 'nowhere', '/proc', '/dev/null'],
    ['-cv', '.', 'one', 'empty', 'pipe', 'sub'],
    ['-c', 'lost+found'],
    ['-c', 'lost+found/found', 'whole'],
  ]
  it('looks, and says the same to the letter', () =>
    onCopy((mount) => {
      for (const given of looks)
        expect(rest(e4defrag(given, { cwd: mount.path })), given.join(' ')).to.deep.equal(
          rest(mainline(given, mount.path)),
        )
      const device = ['-c', mount.device]
      expect(rest(e4defrag(device))).to.deep.equal(rest(mainline(device)))
    }))

  it('takes the same for a wrong command line', () => {
    for (const given of [[], ['-v'], ['-x'], ['-q', 'a']]) {
      const [ours, theirs] = [e4defrag(given), mainline(given)]
      expect(ours.status).to.equal(theirs.status)
      expect(ours.error).to.equal(theirs.error)
      expect(ours.out.split('\n').slice(1, 3)).to.deep.equal(theirs.out.split('\n').slice(1, 3))
    }
  })

  const work = [
    ['-v', '.'],
    ['.'],
    ['one', 'sub'],
    ['-v', 'one'],
    ['two'],
    ['-v', 'empty', 'pipe', 'nowhere', 'link'],
    ['-v', 'nothing but a hole'],
    ['lost+found'],
    ['-v', 'lost+found/found'],
    ['-v', 'holes'],
  ]
  for (const given of work) {
    it(`does the same with ${given.join(' ')}`, async () => {
      // Mount points differ between two copies, and the names of all files with them.
      const names = (printed: Printed, mount: LoopMount): ReturnType<typeof rest> =>
        rest({
          ...printed,
          out: printed.out.replaceAll(mount.path, 'MOUNT'),
          error: printed.error.replaceAll(mount.path, 'MOUNT'),
        })
      const theirs = await onCopy((mount) => names(mainline(given, mount.path), mount))
      const ours = await onCopy((mount) => {
        const before = footprints(mount.path)
        const printed = e4defrag(given, { cwd: mount.path })
        expect(differences(before, footprints(mount.path))).to.deep.equal([])
        return names(printed, mount)
      })
      expect(ours).to.deep.equal(theirs)
    })
  }

  it('leaves every file in one piece, holes where they were', () =>
    onCopy((mount) => {
      const holes = filefrag(join(mount.path, 'holes')).map(({ logical, length }) => [logical, length])
      expect(e4defrag([mount.device]).status).to.equal(0)
      for (const name of ['one', 'two', 'sub/three', 'whole'])
        expect(filefrag(join(mount.path, name)), name).to.have.length(1)
      expect(filefrag(join(mount.path, 'holes')).map(({ logical, length }) => [logical, length])).to.deep.equal(holes)
    }))

  it('makes its donor nameless and exchanges 64 MB at a time', async function () {
    if (!hasTool('strace')) skip(this, 'needs strace')
    const mount = loopMount({ size: 700 << 20, blockSize: block })
    try {
      const path = join(mount.path, 'large')
      const fd = openSync(path, 'w')
      for (let done = 0; done < 80; done++) writeSync(fd, Buffer.alloc(1 << 20, 'large'))
      fsyncSync(fd)
      closeSync(fd)
      await tear(mount, 'large', 10_000)
      const before = filefrag(path).length
      expect(before).to.be.above(1)
      const log = join(mount.path, '..', 'strace')
      const printed = e4defrag(['-v', path], {
        prefix: ['strace', '-f', '-o', log, '-e', 'trace=openat,open,ioctl,fallocate,unlink,unlinkat'],
      })
      expect(printed.out).to.match(/extents: \d+ -> 1\t\[ OK \]/)
      const calls = readFileSync(log, 'latin1').split('\n')
      const moves = calls.filter((line) =>
        /ioctl\(\d+, (EXT4_IOC_MOVE_EXT|_IOC\(_IOC_READ\|_IOC_WRITE, 0x66, 0xf)/.test(line),
      )
      expect(moves).to.have.length(2)
      expect(printed.out.match(/%/g)!.length).to.be.at.least(3)
      expect(calls.filter((line) => line.includes('O_TMPFILE'))).to.have.length(1)
      expect(
        calls.filter(
          (line) => line.includes('.defrag') || (line.includes(`${mount.path}`) && /unlink|O_CREAT/.test(line)),
        ),
      ).to.deep.equal([])
      mount.check()
    } finally {
      mount.remove()
    }
  })

  it('does not call it a success when a file is no better', async () => {
    const mount = loopMount({ size: 9 << 20, blockSize: block, more: ['-J', 'size=4'] })
    try {
      // Files of one block, everything else filled, then every other file goes: no two blocks free in a row.
      for (let n = 0; n < 400; n++) writeFileSync(join(mount.path, `n${n}`), Buffer.alloc(block, n))
      run('sync', ['--file-system', mount.path])
      // What the kernel keeps for its own emergencies would be one run.
      writeFileSync(join(mount.sysfs, 'reserved_clusters'), '0')
      const filler = openSync(join(mount.path, 'filler'), 'w')
      for (let at = 0, length = 256; length > 0;) {
        if (tryFallocate(filler, 'allocate', at * block, length * block) === 0) at += length
        else length = Math.floor(length / 2)
      }
      closeSync(filler)
      for (let n = 0; n < 400; n += 2) rmSync(join(mount.path, `n${n}`))
      run('sync', ['--file-system', mount.path])
      const small = openSync(join(mount.path, 'small'), 'w')
      writeSync(small, Buffer.alloc(6 * block, 2))
      closeSync(small)
      run('sync', ['--file-system', mount.path])
      const pieces = filefrag(join(mount.path, 'small')).length
      expect(pieces).to.be.above(1)
      const printed = e4defrag(['-v', join(mount.path, 'small')])
      expect(printed.out).to.match(/\[ NG \]\n Success:\t\t\t\[0\/1\]/)
      expect(printed.status).to.equal(1)
      expect(filefrag(join(mount.path, 'small'))).to.have.length(pieces)
      mount.check()
    } finally {
      mount.remove()
    }
  })

  it('passes over running and locked files with the reason', () =>
    onCopy(async (mount) => {
      copyFileSync('/bin/sleep', join(mount.path, 'running'))
      chmodSync(join(mount.path, 'running'), 0o755)
      const runner = spawn(join(mount.path, 'running'), ['60'])
      const locker = spawn('python3', [
        '-c',
        `
import fcntl, sys
f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX, 1, 0); print('held', flush=True); sys.stdin.read()`,
        join(mount.path, 'one'),
      ])
      try {
        await new Promise<void>((resolve) => locker.stdout.once('data', () => resolve()))
        for (const name of ['running', 'one']) {
          const [theirs, ours] = [mainline(['-v', name], mount.path), e4defrag(['-v', name], { cwd: mount.path })]
          expect(rest(ours)).to.deep.equal(rest(theirs))
          expect(ours.status).to.equal(1)
        }
      } finally {
        for (const child of [runner, locker]) {
          child.kill()
          await new Promise((resolve) => child.once('exit', resolve))
        }
      }
    }))

  it('lets people defragment files of their own without root', function () {
    if (!hasTool('setpriv')) skip(this, 'needs setpriv')
    needOthersCanRead(this)
    return onCopy((mount) => {
      chmodSync(join(mount.path, '..'), 0o755)
      mkdirSync(join(mount.path, 'home'))
      copyFileSync(join(mount.path, 'one'), join(mount.path, 'home', 'of others'))
      run('cp', [join(mount.path, 'whole'), join(mount.path, 'home', 'mine')])
      // In pieces: the file of before, given away.
      spawnSync('mv', [join(mount.path, 'two'), join(mount.path, 'home', 'pieces')])
      for (const name of ['home', 'home/mine', 'home/pieces']) chownSync(join(mount.path, name), 12_345, 12_345)
      expect(filefrag(join(mount.path, 'home', 'pieces')).length).to.be.above(1)
      const prefix = ['setpriv', '--reuid=12345', '--regid=12345', '--clear-groups']
      const printed = e4defrag(['-v', 'home'], { cwd: mount.path, prefix })
      expect(printed.status, printed.error).to.equal(0)
      expect(filefrag(join(mount.path, 'home', 'pieces'))).to.have.length(1)
      expect(printed.out).to.contain('Success:\t\t\t[ 2/4 ]')
      expect(e4defrag(['-r', 'home'], { cwd: mount.path, prefix })).to.include({
        status: 1,
        error: '-r needs root\n "home"\n',
      })
    })
  })

  it('refuses where a crash could not be mended', () => {
    const mount = loopMount({ size: 64 << 20, features: 'fast_commit' })
    try {
      writeFileSync(join(mount.path, 'file'), 'x')
      const printed = e4defrag([join(mount.path, 'file')])
      expect(printed.status).to.equal(1)
      expect(printed.error).to.contain('fast_commit')
      expect(e4defrag(['-c', join(mount.path, 'file')]).status).to.equal(0)
    } finally {
      mount.remove()
    }
  })

  it('starts fast', function () {
    const program = new URL('../../bin/e4defrag.js', import.meta.url).pathname
    if (!existsSync(new URL('../../dist/e4defrag/main.js', import.meta.url)))
      skip(this, 'needs the build (npm run build)')
    const median = (command: readonly string[]): number => {
      const times = Array.from({ length: 9 }, () => {
        const began = performance.now()
        spawnSync(process.execPath, command)
        return performance.now() - began
      })
      return times.sort((a, b) => a - b)[4]!
    }
    return onCopy((mount) => {
      const nothing = median(['-e', '0'])
      const small = median([program, join(mount.path, 'two')])
      console.log(`      node -e 0: ${nothing.toFixed(0)} ms, e4defrag of one small file: ${small.toFixed(0)} ms`)
      expect(small).to.be.below(5 * nothing)
    })
  })
})
