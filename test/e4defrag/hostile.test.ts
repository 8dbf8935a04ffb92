/** What others may do to a tree while root defragments it, and what must not be moved by anybody. */
import { expect } from 'chai'
import { spawn } from 'node:child_process'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { loopMount, type LoopMount } from '../support/loop-mount.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'
import { e4defrag } from './run.js'

/** Written in turns with another, so that it lies in pieces. */
function inPieces(path: string, other: string, pieces = 24): void {
  const [one, two] = [openSync(path, 'w'), openSync(other, 'w')]
  const bytes = Buffer.alloc(16384, 7)
  for (let n = 0; n < pieces; n++) {
    for (const fd of [one, two]) {
      writeSync(fd, bytes)
      // Blocks are given when they are written out.
      fsyncSync(fd)
    }
  }
  closeSync(one)
  closeSync(two)
}

const extents = (path: string): number => Number(/(\d+) extents? found/.exec(run('filefrag', [path]).stdout)![1])

describe('e4defrag among others', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  let mount: LoopMount

  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'losetup', 'filefrag', 'mkswap', 'python3', 'strace')
  })
  beforeEach(() => {
    mount = loopMount({ size: 64 << 20, tree: scratch.path, blockSize: 4096 })
  })
  afterEach(() => mount.remove())
  after(() => scratch.remove())

  it('leaves alone what a boot loader knows, and swap files nobody swaps to, named alone or in a tree', () => {
    const at = (name: string): string => join(mount.path, name)
    for (const folder of ['boot/grub/i386-pc', 'etc', 'plain']) mkdirSync(at(folder), { recursive: true })
    for (const name of ['boot/grub/i386-pc/core.img', 'boot/map', 'swapfile', 'plain/file'])
      inPieces(at(name), at(`${name}.other`))
    run('mkswap', [at('swapfile')])
    run('sync', ['-f', mount.path])
    const stay = ['boot/grub/i386-pc/core.img', 'boot/map', 'swapfile']
    const before = new Map([...stay, 'plain/file'].map((name) => [name, run('filefrag', ['-v', at(name)]).stdout]))
    for (const name of stay) {
      expect(extents(at(name)), name).to.be.above(1)
      const { error, status } = e4defrag(['-v', at(name)])
      expect(error).to.match(/boot loader knows|is a swap file/)
      expect(status).to.equal(1)
    }
    e4defrag([mount.path])
    for (const name of stay) expect(run('filefrag', ['-v', at(name)]).stdout, name).to.equal(before.get(name))
    expect(extents(at('plain/file'))).to.equal(1)
  })

  it('opens no device and nothing of other folders while a folder is exchanged for a link all the time', async () => {
    const tree = join(mount.path, 'tree')
    const devices = join(scratch.path, 'devices')
    for (const folder of [join(tree, 'folder'), devices]) mkdirSync(folder, { recursive: true })
    // Devices of the same names as the files: whoever looks at the one and opens the other has been led astray.
    const names = Array.from({ length: 400 }, (_, n) => String(n))
    for (const name of names) writeFileSync(join(tree, 'folder', name), 'x'.repeat(5000))
    run('sh', ['-c', 'cd "$1" && shift && for name; do mknod "$name" c 1 3; done', 'sh', devices, ...names])
    run('sync', ['-f', mount.path])
    symlinkSync(devices, join(tree, 'away'))
    const exchange = spawn('python3', [
      '-c',
      `import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
a, b = sys.argv[1].encode(), sys.argv[2].encode()
while True: libc.renameat2(-100, a, -100, b, 2)`,
      join(tree, 'folder'),
      join(tree, 'away'),
    ])
    const log = join(scratch.path, 'opened')
    try {
      // Half the time the folder is a link just then, and nothing is entered.
      let entered = 0
      for (let round = 0; round < 20 && entered < 3; round++) {
        e4defrag(['-v', tree], { prefix: ['strace', '-f', '-y', '-o', log, '-e', 'trace=open,openat'] })
        const opened = readFileSync(log, 'latin1')
          .split('\n')
          .filter((line) => line.includes('O_RDWR') && !line.includes('= -1'))
        expect(opened.filter((line) => line.includes('/devices/')).slice(0, 3)).to.deep.equal([])
        if (opened.length > 50) entered++
      }
      expect(entered).to.be.above(0)
    } finally {
      exchange.kill()
    }
  })

  it('passes by a FUSE mount below the tree whose server does not answer, and so does a look at what is in memory', async () => {
    mkdirSync(join(mount.path, 'a/dead'), { recursive: true })
    writeFileSync(join(mount.path, 'a/file'), 'x'.repeat(9000))
    run('sync', ['-f', mount.path])
    const server = spawn('python3', [
      '-c',
      `import ctypes, os, sys, time
fd = os.open('/dev/fuse', os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
data = f'fd={fd},rootmode=40000,user_id=0,group_id=0'.encode()
if libc.mount(b'dead', sys.argv[1].encode(), b'fuse', 0, data): sys.exit(os.strerror(ctypes.get_errno()))
print('mounted', flush=True)
time.sleep(100)`,
      join(mount.path, 'a/dead'),
    ])
    try {
      await new Promise((resolve, reject) => {
        server.stdout.once('data', resolve)
        server.once('exit', () => reject(new Error('not mounted')))
      })
      const quick = ['timeout', '-s', 'KILL', '20']
      for (const flags of [['-c'], [], ['-r']]) {
        const { status, out } = e4defrag([...flags, join(mount.path, 'a')], { prefix: quick })
        expect(status, `${flags.join()} ${out}`).to.not.equal(null).and.to.not.equal(137)
      }
      const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname
      run(quick[0]!, [
        ...quick.slice(1),
        process.execPath,
        launcher,
        'collect',
        'watch',
        '--method',
        'mincore',
        '--target',
        join(mount.path, 'a'),
        '-o',
        join(scratch.path, 'x.trace'),
      ])
    } finally {
      run('umount', ['-l', join(mount.path, 'a/dead')], { ok: [0, 32] })
      server.kill('SIGKILL')
    }
  })

  it('shows names that would speak to a terminal escaped', () => {
    const name = 'a\x1b[2J\nb\u202e'
    mkdirSync(join(mount.path, 'names'))
    writeFileSync(join(mount.path, 'names', name), 'x'.repeat(9000))
    writeFileSync(Buffer.from(`${mount.path}/names/\xff\x9b`, 'latin1'), 'x'.repeat(9000))
    run('sync', ['-f', mount.path])
    for (const flags of [['-v'], ['-c', '-v'], ['-r', '-v']]) {
      const { out, error } = e4defrag([...flags, join(mount.path, 'names')])
      const text = (out + error).replaceAll('\x1b[79;0H\x1b[K', '')
      expect(text).to.contain('a\\x1b[2J\\nb\\u{202e}').and.to.contain('\\xff\\x9b')
      expect(text).not.to.match(/[\x1b\x9b\xff]/)
    }
    rmSync(join(mount.path, 'names'), { recursive: true })
  })
})
