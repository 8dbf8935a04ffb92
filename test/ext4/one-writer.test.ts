/**
 * One writer at a time, whichever way he comes: by another name, through loop devices,
 * from other namespaces; and what those who may only read can do about it, which is nothing.
 */
import { expect } from 'chai'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { closeSync, copyFileSync, linkSync, openSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { openImage } from '../../src/ext4/engine/open-image.js'
import type { BootpackError } from '../../src/errors.js'
import type { Volume } from '../../src/volume/volume.js'
import { makeImage } from '../support/images.js'
import { opens, refusal } from '../support/refusal.js'
import { isRoot, needLoopMounts, needTools, run, scratchFolder, skip } from '../support/tools.js'

const repository = new URL('../..', import.meta.url).pathname
const opener = new URL('../../src/ext4/engine/open-image.ts', import.meta.url).pathname

/** Opens an image for writing in a process of its own, and says how that went. */
function openElsewhere(path: string, ...through: string[]): string {
  const program = `
    import { openImage } from '${opener}'
    const [path] = process.argv.slice(1)
    try {
      await (await openImage(path, { write: true })).close()
      console.log('opened')
    } catch (error) {
      console.log(error.code, error.message)
    }`
  const node = ['--import=tsx', '--conditions=bootpack-source', '--input-type=module', '-e', program, path]
  const [command, ...words] = [...through, process.execPath, ...node]
  const { stdout, stderr } = spawnSync(command!, words, { cwd: repository, encoding: 'utf8' })
  return stdout.trim() || stderr
}

describe('one writer', function () {
  this.timeout(120_000)
  const folder = scratchFolder()
  const image = join(folder.path, 'disk.img')
  let undo: (() => void | Promise<void>)[] = []
  before(function () {
    needTools(this, 'mke2fs')
    makeImage(image, { size: 16 << 20 })
  })
  afterEach(async () => {
    for (const action of undo.reverse()) await action()
    undo = []
  })
  after(folder.remove)

  const copy = (name: string): string => {
    const path = join(folder.path, name)
    copyFileSync(image, path)
    return path
  }
  const attach = (...args: string[]): string => {
    const device = run('losetup', ['-f', '--show', ...args]).stdout.trim()
    undo.push(() => void run('losetup', ['-d', device]))
    return device
  }
  const hold = async (path: string): Promise<Volume> => {
    const volume = await openImage(path, { write: true })
    undo.push(() => volume.close())
    return volume
  }
  /** The error of opening for writing a device, which cannot be compared byte for byte in between. */
  const deviceRefusal = async (device: string, write = true): Promise<BootpackError> =>
    openImage(device, { write }).then(
      async (volume) => {
        await volume.close()
        throw new Error(`${device} was opened`)
      },
      (error: BootpackError) => error,
    )

  it('is told from another by the file and not by its name', async () => {
    const path = copy('names.img')
    linkSync(path, join(folder.path, 'hard-link.img'))
    symlinkSync('names.img', join(folder.path, 'symlink.img'))
    await hold(path)
    for (const name of ['names.img', 'hard-link.img', 'symlink.img']) {
      const found = openElsewhere(join(folder.path, name))
      expect(found, name).to.match(/^in-use Another bootpack is at work on /)
      if (isRoot) expect(found, name).to.contain(`(process ${process.pid},`)
    }
    await opens(path, { write: false })
  })

  it('is told from namespaces of network, processes and mounts', async function () {
    if (!isRoot) skip(this, 'needs root for namespaces')
    needTools(this, 'unshare')
    const path = copy('namespaces.img')
    const volume = await hold(path)
    const elsewhere = ['unshare', '-n', '-m', '-p', '-f', '--mount-proc']
    expect(openElsewhere(path, ...elsewhere)).to.match(/^in-use Another bootpack is at work on /)
    await volume.close()
    expect(openElsewhere(path, ...elsewhere)).to.equal('opened')
  })

  it('on a loop device keeps its file, and every other loop device over that', async function () {
    needLoopMounts(this)
    const path = copy('behind.img')
    const device = attach(path)
    await hold(device)
    expect(await refusal(path, { write: true })).to.include({ code: 'attached', exitCode: 5 })
    const second = attach(path)
    const error = await deviceRefusal(second)
    expect(error).to.include({ code: 'attached', exitCode: 5 })
    expect(error.message).to.equal(`What ${second} reads is attached to ${device} as well.`)
    expect(openElsewhere(path, 'unshare', '-n', '-m', '-p', '-f', '--mount-proc')).to.match(/^attached /)
  })

  it('on an image keeps a loop device off that came later', async function () {
    needLoopMounts(this)
    const path = copy('before.img')
    const volume = await hold(path)
    const device = attach(path)
    const error = await deviceRefusal(device)
    expect(error).to.include({ code: 'in-use', exitCode: 5 })
    expect(error.message).to.contain(path)
    await volume.close()
    await opens(device, { write: true })
  })

  it('on a partition of a loop device leaves the other partitions to others', async function () {
    needLoopMounts(this)
    needTools(this, 'sfdisk', 'addpart', 'delpart', 'dd')
    const path = join(folder.path, 'parts.img')
    makeImage(path, { size: 40 << 20 })
    run('sfdisk', ['-q', path], { input: 'start=2048,size=32768\nstart=34816,size=32768\n' })
    for (const start of [1, 17])
      run('dd', [`if=${image}`, `of=${path}`, 'bs=1M', `seek=${start}`, 'conv=notrunc', 'status=none'])
    const device = attach(path)
    for (const [number, start] of [
      ['1', '2048'],
      ['2', '34816'],
    ] as const) {
      run('addpart', [device, number, start, '32768'])
      undo.push(() => void run('delpart', [device, number]))
    }
    const first = await hold(`${device}p1`)
    await opens(`${device}p2`, { write: true })
    expect(openElsewhere(`${device}p1`)).to.match(/^in-use /)
    expect(openElsewhere(path)).to.match(/^attached /)
    const beside = attach('-o', String(2048 * 512), '--sizelimit', String(32768 * 512), path)
    expect(await deviceRefusal(beside)).to.include({ code: 'attached' })
    await first.close()
  })

  it('is refused while a loop device beside is mounted, and so is a reader while it may be written', async function () {
    needLoopMounts(this)
    needTools(this, 'mount', 'umount')
    const path = copy('beside.img')
    const [mine, other] = [attach(path), attach(path)] as const
    const mountPoint = join(folder.path, 'mnt')
    run('mkdir', ['-p', mountPoint])
    for (const [options, readable] of [
      ['ro', true],
      ['rw', false],
    ] as const) {
      run('mount', ['-o', options, other, mountPoint])
      try {
        const error = await deviceRefusal(mine)
        expect(error, options).to.include({ code: 'mounted', exitCode: 5 })
        expect(error.next, options).to.contain(`umount ${mountPoint}`)
        // Not what helps against a journal that was left behind.
        if (readable) await opens(mine, { write: false })
        else expect(await deviceRefusal(mine, false)).to.include({ code: 'mounted' })
      } finally {
        run('umount', [mountPoint])
      }
    }
  })

  it('is refused while another maps the file without a descriptor', async function () {
    needTools(this, 'python3')
    const path = copy('mapped.img')
    const program = `import mmap, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR)
area = mmap.mmap(fd, 4096)
os.close(fd)
print('ready', flush=True)
time.sleep(60)`
    const child = await holding('python3', '-c', program, path)
    const error = await refusal(path, { write: true })
    expect(error).to.include({ code: 'open-elsewhere', exitCode: 5 })
    expect(error.message).to.contain(`Process ${child.pid} `)
    await opens(path, { write: false })
  })

  it('is refused a read-only device before anything is read', async function () {
    needLoopMounts(this)
    const device = attach('-r', copy('read-only.img'))
    const error = await deviceRefusal(device)
    expect(error).to.include({ code: 'read-only-device', exitCode: 5 })
    expect(error.next).to.contain(`blockdev --setrw ${device}`)
    await opens(device, { write: false })
  })

  it('on a block device is refused while a program writes there without having it to itself', async function () {
    needLoopMounts(this)
    const device = attach(copy('device.img'))
    const child = await holding('bash', '-c', 'exec 7<>"$0" && echo ready && exec sleep 60', device)
    const error = await deviceRefusal(device)
    expect(error).to.include({ code: 'open-elsewhere', exitCode: 5 })
    expect(error.message).to.contain(`Process ${child.pid} `)
  })

  describe('is not stopped by those who may only read:', () => {
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    before(function () {
      if (!isRoot) skip(this, 'needs root to be another user')
      needTools(this, 'setpriv', 'perl', 'flock')
      run('chmod', ['755', folder.path])
    })

    // The structure of fcntl(2), 64-bit: F_RDLCK over the whole file.
    const lock = (command: number): string[] => [
      'perl',
      '-e',
      `open(F, "<", $ARGV[0]) or die; $lock = pack("s s x4 q q i x4", 0, 0, 0, 0, 0); fcntl(F, ${command}, $lock) or die $!; $| = 1; print "ready\\n"; sleep 60`,
    ]
    const ways: [title: string, words: string[]][] = [
      ['a lock for reading of a process', lock(6)],
      ['a lock for reading of an open file', lock(37)],
      ['flock, exclusive', ['flock', '-x']],
      ['the file open', ['perl', '-e', 'open(F, "<", $ARGV[0]) or die; $| = 1; print "ready\\n"; sleep 60']],
    ]
    for (const [title, words] of ways) {
      it(title, async () => {
        const path = copy('readable.img')
        const more = words[0] === 'flock' ? ['sh', '-c', 'echo ready; exec sleep 60'] : []
        await holding(...nobody, ...words, path, ...more)
        await opens(path, { write: true })
        // Nor does it let in two: who writes is told from who reads.
        await hold(path)
        expect(openElsewhere(path)).to.match(/^(in-use|open-elsewhere) /)
        expect(openElsewhere(path, 'unshare', '-n', '-m', '-p', '-f', '--mount-proc')).to.match(
          /^(in-use|open-elsewhere) /,
        )
      })
    }

    it('an image that is executed over and over', async () => {
      const path = copy('executed.img')
      run('chmod', ['755', path])
      // The call itself: exec of a shell or of perl would have sh read what is no program.
      const program = `use Config; $| = 1; print "ready\n"; $n = $Config{archname} =~ /x86_64/ ? 59 : 221;
while (1) { $p = fork; if (!$p) { $z = pack("p x8", $ARGV[0]); $e = pack("x8"); syscall($n, $ARGV[0], $z, $e); exit } waitpid($p, 0) }`
      for (let i = 0; i < 3; i++) await holding(...nobody, 'perl', '-e', program, path)
      for (let i = 0; i < 60; i++) await (await openImage(path, { write: true })).close()
    })

    it('an image that is opened, locked and closed over and over', async () => {
      const path = copy('churned.img')
      const loop = `use Fcntl; $lock = pack("s s x4 q q i x4", 0, 0, 0, 0, 0); $| = 1; print "ready\n"; while (1) { open(F, "<", $ARGV[0]); fcntl(F, 37, $lock); flock(F, 1); close(F) }`
      for (let i = 0; i < 2; i++) await holding(...nobody, 'perl', '-e', loop, path)
      for (let i = 0; i < 10; i++) await (await openImage(path, { write: true })).close()
    })

    it('mounts in a namespace of their own that are named after it', async function () {
      needTools(this, 'unshare')
      const path = copy('named.img')
      const mounts =
        'for t in tmpfs ramfs overlay devpts; do o=; [ $t = overlay ] && o="-o lowerdir=/etc:/usr"; mount -t $t $o "$0" /mnt && n=1; done; mount --bind "$0" "$0"; [ -z "$n" ] || echo ready; exec sleep 60'
      await holding(...nobody, 'unshare', '-Urm', 'sh', '-c', mounts, path)
      await opens(path, { write: true })
    })

    it('a socket of the name that once was the lock', async () => {
      const path = copy('socket.img')
      const { dev, ino } = (await import('node:fs')).statSync(path, { bigint: true })
      const server = createServer()
      await new Promise<void>((ready) => {
        server.listen(`\0${`bootpack-image-${dev}-${ino}`.padEnd(107, '.')}`, ready)
      })
      undo.push(() => new Promise((closed) => server.close(() => closed())))
      await opens(path, { write: true })
    })
  })

  it('is the virtual machine that starts while the image is held', async function () {
    needTools(this, 'qemu-io')
    const path = copy('machine.img')
    const volume = await hold(path)
    const started = run('qemu-io', ['-f', 'raw', '-c', 'read 0 512', path], { ok: [0, 1] })
    expect(started.status).to.equal(1)
    expect(started.stdout + started.stderr).to.match(/lock/)
    await volume.close()
    run('qemu-io', ['-f', 'raw', '-c', 'read 0 512', path])
  })

  it('goes with its process: no lock is left behind', async () => {
    const path = copy('killed.img')
    const fd = openSync(path, 'r+')
    closeSync(fd)
    const program = `import { openImage } from '${opener}'
      await openImage(process.argv[1], { write: true })
      console.log('ready')
      setInterval(() => {}, 1000)`
    const node = ['--import=tsx', '--conditions=bootpack-source', '--input-type=module', '-e', program, path]
    const child = await holding(process.execPath, ...node)
    expect(await refusal(path, { write: true })).to.include({ code: 'in-use' })
    await end(child)
    await opens(path, { write: true })
  })

  async function holding(...words: string[]): Promise<ChildProcess> {
    const [command, ...args] = words
    const child = spawn(command!, args, { cwd: repository, stdio: ['ignore', 'pipe', 'inherit'] })
    undo.push(() => end(child))
    await new Promise<void>((ready, failed) => {
      child.stdout.once('data', () => ready())
      child.once('exit', (status) => failed(new Error(`${command} ended with ${status}`)))
    })
    return child
  }

  async function end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((exit) => child.once('exit', exit))
    child.kill('SIGKILL')
    await gone
  }
})
