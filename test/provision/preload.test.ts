/** The commands as a user runs them, on images and on mounted filesystems; what they leave is looked at by the kernel and e2fsck. */
import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  openSync,
  writeSync,
  closeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { filledIn, formFiles, formNames, mayBeOurs } from '../../src/preload/install-targets.js'
import { commandText } from '../../src/provision/rebuild.js'
import { shippedTexts } from '../../src/provision/shipped-texts.js'
import { checkImage, debugfsWrite, makeImage } from '../support/images.js'
import { loopMount } from '../support/loop-mount.js'
import { loopMounted } from '../support/mount.js'
import { hasTool, needLoopMounts, needTools, run, scratchFolder, skip, type Ran } from '../support/tools.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname
const bootpack = (args: readonly string[], ok: readonly number[] = [0]): Ran =>
  run(process.execPath, [launcher, ...args], { ok })
const mebibyte = 1 << 20

/** Everything below a folder: kind, mode, contents. */
function snapshot(folder: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of readdirSync(join(folder, below)).sort()) {
    const path = below === '' ? name : `${below}/${name}`
    const stats = lstatSync(join(folder, path))
    const mode = `${stats.mode.toString(8)} ${stats.uid} ${stats.gid}`
    if (stats.isDirectory()) Object.assign(found, { [path]: mode }, snapshot(folder, path))
    else if (stats.isSymbolicLink()) found[path] = `${mode} ${readlinkSync(join(folder, path))}`
    else if (stats.isFile())
      found[path] = `${mode} ${createHash('sha256')
        .update(readFileSync(join(folder, path)))
        .digest('hex')}`
    else found[path] = mode
  }
  return found
}

describe('the forms of a sweep', () => {
  it('remove only folders that can have been made for them', () => {
    expect(
      [
        'etc/bootpack',
        'etc/systemd/system/sysinit.target.wants',
        'usr/lib/dracut/modules.d/89bootpack-preload',
        'etc/initramfs-tools/hooks',
      ].map(mayBeOurs),
    ).to.deep.equal([true, true, true, true])
    expect(['etc', 'usr', '', '..', 'etc/..', 'home', 'etc/bootpack/x', 'usr/lib'].map(mayBeOurs)).to.not.include(true)
  })

  it('are texts with the marker and the limit in them', () => {
    for (const [name, text] of Object.entries(shippedTexts(17))) {
      expect(text.split('\n', 3), name).to.include(
        '# Written by bootpack preload install; bootpack preload remove takes it away.',
      )
      expect(text, name).to.not.match(/@[A-Z]+@/)
    }
    expect(shippedTexts(17)['preload.sh']).to.contain('\nlimit=17\n')
    expect(shippedTexts(17)['bootpack-preload.service']).to.contain('\nTimeoutStartSec=22\n')
    expect(() => filledIn('', 0)).to.throw(RangeError)
  })

  it('have a command for people that a shell takes as it is meant', () => {
    expect(commandText('dracut', '/mnt')).to.equal('chroot /mnt dracut --force --regenerate-all')
    expect(commandText('initramfs-tools', '/media/$(reboot) x')).to.equal(
      "chroot '/media/$(reboot) x' update-initramfs -u -k all",
    )
    expect(commandText('initramfs-tools', '/media/\x1b[2J')).to.not.contain('\x1b')
  })

  it('have a unit that systemd takes', function () {
    needTools(this, 'systemd-analyze')
    const folder = scratchFolder()
    try {
      const unit = join(folder.path, 'bootpack-preload.service')
      writeFileSync(unit, shippedTexts(30)['bootpack-preload.service'])
      const { stderr, stdout } = run('systemd-analyze', ['verify', unit], { ok: [0, 1] })
      expect((stderr + stdout).split('\n').filter((line) => line.includes('bootpack-preload'))).to.deep.equal([])
    } finally {
      folder.remove()
    }
  })
})

describe('bootpack preload', function () {
  this.timeout(60_000)
  const scratch = scratchFolder()
  const image = join(scratch.path, 'disk.img')
  const list = join(scratch.path, 'list')
  const tree = join(scratch.path, 'tree')
  const put = (path: string, contents: string | Buffer, mode = 0o644): void => {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), contents, { mode })
  }

  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'unshare')
  })
  beforeEach(() => {
    rmSync(tree, { recursive: true, force: true })
    put('usr/lib/systemd/systemd', Buffer.alloc(300_000, 1))
    for (let i = 0; i < 12; i++) put(`data/f${i}`, Buffer.alloc(20_000 + 5000 * i, i + 1))
    mkdirSync(join(tree, 'etc/systemd/system'), { recursive: true })
    writeFileSync(list, ['/usr/lib/systemd/systemd', ...[7, 3, 11, 0].map((i) => `/data/f${i}`)].join('\n') + '\n')
  })
  after(() => scratch.remove())

  const make = (): Record<string, string> => {
    makeImage(image, { size: 48 * mebibyte, blockSize: 4096, tree })
    return loopMounted(image, snapshot, 'ro')
  }
  const initramfsTools = (program = ''): void => {
    put('usr/sbin/update-initramfs', program, 0o755)
    for (const folder of ['hooks', 'scripts']) mkdirSync(join(tree, 'etc/initramfs-tools', folder), { recursive: true })
  }
  const dracut = (): void => {
    put('usr/bin/dracut', '', 0o755)
    mkdirSync(join(tree, 'usr/lib/dracut/modules.d'), { recursive: true })
  }
  const mounts = (): string =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes('bootpack-image-'))
      .join('\n')

  interface Installed {
    form: string
    through: string
    written: string[]
    removed: string[]
    todo: string[]
    rebuilt: string[]
    sweep: { files: number; ranges: number; bytes: number }
  }
  interface Shown {
    installed?: {
      forms: string[]
      state?: { stale: boolean; gone: string[]; moved: string[]; files: number; sameMetadata?: boolean }
    }
    planned?: { files: number }
  }
  const install = (...args: string[]): Installed =>
    JSON.parse(bootpack(['preload', 'install', image, '--trace', list, '--json', ...args], [0, 3]).stdout) as Installed
  const show = (target: string, ...args: string[]): Shown =>
    JSON.parse(bootpack(['preload', 'show', target, '--json', ...args]).stdout) as Shown

  it('puts each form into an image, whole, and takes it out again without a trace', () => {
    initramfsTools()
    dracut()
    const before = make()
    for (const form of formNames) {
      const report = install('--form', form)
      const paths = ['etc/bootpack/preload.list', ...formFiles[form].map(({ path }) => path)]
      expect(report).to.deep.include({
        form,
        through: 'private-mount',
        written: paths.map((path) => `/${path}`),
        removed: [],
      })
      expect(report.sweep.files).to.equal(5)
      expect(report.todo.length, form).to.equal(form === 'systemd' ? 0 : 1)
      expect(mounts()).to.equal('')
      checkImage(image)
      loopMounted(
        image,
        (root) => {
          const now = snapshot(root)
          expect(
            Object.keys(now).filter((path) => (lstatSync(join(root, path)).isDirectory() ? false : !(path in before))),
          ).to.have.members(paths)
          for (const [path, what] of Object.entries(before)) expect(now[path], path).to.equal(what)
          for (const { path, mode, link } of formFiles[form]) {
            const stats = lstatSync(join(root, path))
            if (link === undefined) expect(stats.mode & 0o7777, path).to.equal(mode)
            else expect(existsSync(join(root, path)), `${path} leads somewhere`).to.equal(true)
          }
        },
        'ro',
      )
      expect(show(image).installed).to.deep.include({ forms: [form] })
      expect(install('--form', form).written, 'a second time').to.deep.equal([])
      bootpack(['preload', 'remove', image], [0, 3])
      checkImage(image)
      expect(loopMounted(image, snapshot, 'ro')).to.deep.equal(before)
    }
    expect(bootpack(['preload', 'remove', image]).stdout).to.equal('Nothing was installed.\n')
  })

  it('takes the strongest form there is, and leaves only one', () => {
    initramfsTools()
    make()
    expect(install('--form', 'systemd').form).to.equal('systemd')
    const report = install()
    expect(report.form).to.equal('initramfs-tools')
    expect(report.removed).to.deep.equal(formFiles.systemd.map(({ path }) => `/${path}`))
    expect(show(image).installed!.forms).to.deep.equal(['initramfs-tools'])
    expect(bootpack(['preload', 'install', image, '--trace', list, '--form', 'dracut'], [5]).stderr)
      .to.contain('no dracut')
      .and.to.contain('initramfs-tools and systemd')
    rmSync(tree, { recursive: true })
    put('data/f7', 'x')
    mkdirSync(join(tree, 'etc'))
    make()
    expect(bootpack(['preload', 'install', image, '--trace', list, '--any-trace'], [5]).stderr).to.contain(
      'neither initramfs-tools nor dracut nor systemd',
    )
  })

  it('finds a partition by itself or by number', function () {
    needTools(this, 'sfdisk')
    make()
    const disk = join(scratch.path, 'partitioned.img')
    const contents = readFileSync(image)
    writeFileSync(disk, '')
    truncateSync(disk, 4 * mebibyte + contents.length)
    run('sfdisk', ['-q', disk], {
      input: `label: dos\nstart=2048, size=2048, type=83\nstart=6144, size=${contents.length / 512}, type=83\n`,
    })
    const descriptor = openSync(disk, 'r+')
    writeSync(descriptor, contents, 0, contents.length, 6144 * 512)
    closeSync(descriptor)
    bootpack(['preload', 'install', disk, '--trace', list, '--partition', '2'])
    expect(show(disk).installed).to.deep.include({ forms: ['systemd'] })
    const out = join(scratch.path, 'part.img')
    run('dd', [`if=${disk}`, `of=${out}`, 'bs=1M', 'skip=3', 'status=none'])
    checkImage(out)
    bootpack(['preload', 'remove', disk])
    expect(show(disk, '--trace', list).installed).to.equal(undefined)
  })

  it('leaves alone what it did not write', () => {
    for (const path of [
      'etc/bootpack/preload.list',
      'etc/bootpack/preload.sh',
      'etc/systemd/system/bootpack-preload.service',
    ]) {
      put(path, 'mine\n')
      const before = make()
      for (const command of ['install', 'remove']) {
        const { stderr } = bootpack(
          ['preload', command, image, ...(command === 'install' ? ['--trace', list] : [])],
          [5],
        )
        expect(stderr, path).to.contain(`${path} was not written by bootpack`)
        expect(loopMounted(image, snapshot, 'ro'), path).to.deep.equal(before)
      }
      rmSync(join(tree, path))
    }
  })

  it('follows no link out of the target', () => {
    const outside = join(scratch.path, 'outside')
    mkdirSync(outside, { recursive: true })
    for (const [path, target] of [
      ['etc/bootpack', outside],
      ['etc/systemd', outside],
      ['etc/systemd/system', '/tmp'],
      ['etc', outside],
    ]) {
      rmSync(join(tree, path!), { recursive: true, force: true })
      mkdirSync(dirname(join(tree, path!)), { recursive: true })
      symlinkSync(target!, join(tree, path!))
      const before = make()
      bootpack(['preload', 'install', image, '--trace', list, '--form', 'systemd'], [5])
      expect(readdirSync(outside), path).to.deep.equal([])
      expect(loopMounted(image, snapshot, 'ro'), path).to.deep.equal(before)
      rmSync(join(tree, path!))
    }
  })

  it('makes the initramfs anew with the programs of the image when told to, and leaves no mount', function () {
    if (!hasTool('busybox') || readFileSync('/bin/busybox').includes('/ld-linux'))
      skip(this, 'needs a static busybox (apt-get install busybox-static)')
    initramfsTools(
      '#!/bin/sh\n[ -e /proc/self/exe ] && [ -c /dev/null ] && cat /etc/initramfs-tools/scripts/local-bottom/bootpack-preload >/boot/made 2>/dev/null || echo none >/boot/made\necho "$@" >/boot/asked\n',
    )
    put('bin/busybox', readFileSync('/bin/busybox'), 0o755)
    for (const name of ['sh', 'cat']) symlinkSync('busybox', join(tree, 'bin', name))
    for (const folder of ['boot', 'proc', 'sys', 'dev']) mkdirSync(join(tree, folder))
    make()
    expect(install('--rebuild')).to.deep.include({ rebuilt: ['initramfs-tools'], todo: [] })
    expect(mounts()).to.equal('')
    loopMounted(
      image,
      (root) => {
        expect(readFileSync(join(root, 'boot/made'), 'utf8')).to.equal(shippedTexts(30)['preload.sh'])
        expect(readFileSync(join(root, 'boot/asked'), 'utf8')).to.equal('-u -k all\n')
      },
      'ro',
    )
    bootpack(['preload', 'remove', image, '--rebuild'])
    expect(loopMounted(image, (root) => readFileSync(join(root, 'boot/made'), 'utf8'), 'ro')).to.equal('none\n')
    checkImage(image)
    // A link of the image leads into this machine: mounted over /usr, there would be no chroot any more.
    rmSync(join(tree, 'sys'), { recursive: true })
    symlinkSync('/usr', join(tree, 'sys'))
    make()
    expect(install('--rebuild')).to.deep.include({ rebuilt: ['initramfs-tools'], todo: [] })
  })

  it('says so when the initramfs cannot be made anew, and keeps the rest', () => {
    initramfsTools('not a program')
    make()
    const report = install('--rebuild')
    expect(report.rebuilt).to.deep.equal([])
    expect(report.todo[0]).to.contain('could not be made anew').and.to.contain('update-initramfs -u -k all')
    expect(show(image).installed).to.deep.include({ forms: ['initramfs-tools'] })
    expect(mounts()).to.equal('')
    checkImage(image)
  })

  it('killed at any moment leaves no mount, no loop device, and a filesystem that holds what it held', async () => {
    const before = make()
    const whole = join(scratch.path, 'whole.img')
    copyFileSync(image, whole)
    for (let n = 0; n < 5; n++) {
      copyFileSync(whole, image)
      const child = spawn(process.execPath, [launcher, 'preload', 'install', image, '--trace', list], {
        stdio: 'ignore',
        detached: true,
      })
      const ended = new Promise((resolve) => child.on('close', resolve))
      const mounted = (): boolean => run('losetup', ['--associated', image]).stdout !== ''
      for (let waited = 0; waited < 200 && !mounted() && child.exitCode === null; waited++)
        await new Promise((resolve) => setTimeout(resolve, 5))
      await new Promise((resolve) => setTimeout(resolve, n * 8))
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch {
        /* It was done. */
      }
      await ended
      for (let waited = 0; waited < 100 && mounted(); waited++) await new Promise((resolve) => setTimeout(resolve, 50))
      expect(mounted(), 'a loop device is left').to.equal(false)
      expect(mounts()).to.equal('')
      run('e2fsck', ['-fy', image], { ok: [0, 1] })
      checkImage(image)
      const now = loopMounted(image, snapshot, 'ro')
      for (const [path, what] of Object.entries(before)) expect(now[path], path).to.equal(what)
      bootpack(['preload', 'install', image, '--trace', list])
      bootpack(['preload', 'remove', image])
      // A temporary file of the run that was killed goes with the next one's; folders it made are not known to be ours.
      const after = loopMounted(image, snapshot, 'ro')
      expect(
        Object.keys(after).filter(
          (path) => !(path in before) && !/^etc\/(bootpack|systemd\/system\/sysinit.target.wants)$/.test(path),
        ),
      ).to.deep.equal([])
    }
  })

  it('works on a mounted filesystem', () => {
    make()
    const loop = loopMount(image)
    try {
      const before = snapshot(loop.path)
      const report = JSON.parse(
        bootpack(['preload', 'install', `${loop.path}/data`, '--trace', list, '--json']).stdout,
      ) as Installed
      expect(report).to.deep.include({ form: 'systemd', through: 'mount' })
      expect(existsSync(join(loop.path, 'etc/bootpack/preload.list'))).to.equal(true)
      expect(show(loop.path, '--trace', list).installed!.state).to.deep.include({
        stale: false,
        sameMetadata: true,
        files: 5,
      })
      bootpack(['preload', 'remove', loop.path])
      expect(snapshot(loop.path)).to.deep.equal(before)
      loop.check()
    } finally {
      loop.remove()
    }
  })

  it('says when the list is no longer true', () => {
    make()
    install()
    expect(show(image).installed!.state).to.deep.include({ stale: false, gone: [], moved: [], files: 5 })
    const other = join(scratch.path, 'other.img')
    copyFileSync(image, other)
    debugfsWrite(other, ['rm /data/f3'])
    run('e2fsck', ['-fy', other], { ok: [0, 1] })
    expect(show(other).installed!.state).to.deep.include({ stale: true, gone: ['/data/f3'] })
    expect(bootpack(['preload', 'show', other]).stdout)
      .to.contain('stale')
      .and.to.contain('/data/f3')
    const packed = bootpack(['pack', image, '--trace', list, '--goal', '9000', '--force'], [0, 3, 4])
    expect(packed.status, packed.stdout).to.be.oneOf([0, 3])
    const after = show(image).installed!.state!
    expect(after.stale).to.equal(true)
    expect(after.moved).to.include('/data/f7')
    const again = show(image, '--trace', list)
    expect(again.installed!.state!.stale).to.equal(true)
    expect(again.planned!.files).to.equal(5)
    install()
    expect(show(image, '--trace', list).installed!.state).to.deep.include({ stale: false, sameMetadata: true })
  })

  it('says what is wrong with the target or the trace', () => {
    make()
    expect(bootpack(['preload', 'show', image], [5]).stderr).to.contain('Nothing is installed')
    writeFileSync(list, '/nowhere\n')
    expect(bootpack(['preload', 'install', image, '--trace', list], [2]).stderr).to.contain('None of the trace')
    expect(bootpack(['preload', 'install', image, '--trace', list, '--disk', 'floppy'], [2]).stderr).to.contain(
      'no disk model floppy',
    )
  })
})
