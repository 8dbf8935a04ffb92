import { expect } from 'chai'
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { deviceNumber, identify, packedDevice } from '../../src/host/block-devices.js'
import { parseMountinfo, parseSwaps, unescapeOctal } from '../../src/host/mountinfo.js'
import { findUses, type Use } from '../../src/host/is-mounted.js'
import { allMounts } from '../../src/host/mounts.js'
import { makeImage } from '../support/images.js'
import { needLoopMounts, needTools, run, scratchFolder, skip } from '../support/tools.js'

const uses = (path: string): Use[] => findUses(identify(statSync(path, { bigint: true })))

describe('the list of mounts', () => {
  it('is read with its escapes and optional fields', () => {
    const text = [
      '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue',
      String.raw`40 35 7:0 / /a\040b\011c\134d\012e rw shared:3 master:4 - ext4 /dev/my\040disk ro,relatime`,
      '41 35 0:50 / /bind ro,nosuid - ext4 /dev/sdb1 rw',
      'nonsense',
      '',
    ].join('\n')
    expect(parseMountinfo(text)).to.deep.equal([
      {
        device: '98:0',
        root: '/mnt1',
        mountPoint: '/mnt2',
        type: 'ext3',
        source: '/dev/root',
        readOnly: false,
        options: 'rw,errors=continue',
      },
      {
        device: '7:0',
        root: '/',
        mountPoint: '/a b\tc\\d\ne',
        type: 'ext4',
        source: '/dev/my disk',
        readOnly: true,
        options: 'ro,relatime',
      },
      {
        device: '0:50',
        root: '/',
        mountPoint: '/bind',
        type: 'ext4',
        source: '/dev/sdb1',
        readOnly: false,
        options: 'rw',
      },
    ])
  })

  it('keeps UTF-8, escaped or not', () => {
    expect(unescapeOctal('/na\\303\\257ve/ü\\040\\999')).to.equal('/naïve/ü \\999')
  })

  it('holds the root of this very system', () => {
    expect(allMounts().map((mount) => mount.mountPoint)).to.include('/')
  })

  it('has a sister for swap', () => {
    expect(parseSwaps('Filename\t\t\tType\nSize\n')).to.deep.equal(['Size'])
    expect(
      parseSwaps(
        'Filename Type Size\n/dev/sda2                               partition\t1\t0\t-2\n/swap\\040file file 1 0 -3\n',
      ),
    ).to.deep.equal(['/dev/sda2', '/swap file'])
  })
})

describe('device numbers', () => {
  it('are unpacked as the C library packs them', () => {
    // Literal values from makedev(3).
    expect(deviceNumber(0x120006783459an)).to.equal(`${0x12345}:${0x6789a}`)
    expect(deviceNumber(0x11032cn)).to.equal('259:300')
    expect(deviceNumber(0x802n)).to.equal('8:2')
    for (const number of ['74565:423322', '259:300', '8:2']) expect(deviceNumber(packedDevice(number))).to.equal(number)
    const stats = statSync('/dev/null', { bigint: true })
    expect(deviceNumber(stats.rdev)).to.equal('1:3')
  })
})

describe('an image in use', () => {
  const folder = scratchFolder()
  const at = (name: string): string => join(folder.path, name)
  let cleanUp: (() => void)[] = []
  before(function () {
    needLoopMounts(this)
    needTools(this, 'losetup', 'mount', 'umount', 'mke2fs')
    makeImage(at('disk.img'), { size: 8 << 20 })
    mkdirSync(at('mount point'))
  })
  afterEach(() => {
    for (const action of cleanUp.reverse()) action()
    cleanUp = []
  })
  after(folder.remove)

  const attach = (...args: string[]): string => {
    const device = run('losetup', ['-f', '--show', ...args]).stdout.trim()
    cleanUp.push(() => run('losetup', ['-d', device]))
    return device
  }
  const mount = (device: string, ...args: string[]): void => {
    run('mount', [...args, device, at('mount point')])
    cleanUp.push(() => run('umount', [at('mount point')]))
  }

  it('is not', () => {
    expect(uses(at('disk.img'))).to.deep.equal([])
  })

  it('is attached', () => {
    const device = attach(at('disk.img'))
    expect(uses(at('disk.img'))).to.deep.equal([{ as: 'loop', through: device, readOnly: false, unsure: false }])
  })

  it('is mounted, under any of its names', () => {
    const device = attach(at('disk.img'))
    mount(device)
    linkSync(at('disk.img'), at('second name'))
    symlinkSync('second name', at('symlink'))
    cleanUp.push(
      () => rmSync(at('second name')),
      () => rmSync(at('symlink')),
    )
    for (const name of ['disk.img', 'second name', 'symlink']) {
      expect(uses(at(name))[0], name).to.deep.equal({
        as: 'mount',
        through: device,
        mountPoint: at('mount point'),
        readOnly: false,
        unsure: false,
      })
    }
    expect(uses(device)[0]).to.deep.equal({
      as: 'mount',
      through: undefined,
      mountPoint: at('mount point'),
      readOnly: false,
      unsure: false,
    })
  })

  it('is mounted read-only', () => {
    mount(attach('-r', at('disk.img')), '-o', 'ro')
    expect(uses(at('disk.img'))[0]).to.include({ as: 'mount', readOnly: true })
  })

  it('is mounted writable behind a read-only bind mount', () => {
    mount(attach(at('disk.img')))
    mkdirSync(at('bind'), { recursive: true })
    run('mount', ['--bind', at('mount point'), at('bind')])
    cleanUp.push(() => run('umount', [at('bind')]))
    run('mount', ['-o', 'remount,bind,ro', at('bind')])
    expect(
      uses(at('disk.img'))
        .filter((use) => use.as === 'mount')
        .map((use) => [use.mountPoint, use.readOnly]),
    ).to.deep.equal([
      [at('mount point'), false],
      [at('bind'), false],
    ])
  })

  it('is mounted through a loop device on a loop device', () => {
    const upper = attach(attach(at('disk.img')))
    mount(upper)
    expect(uses(at('disk.img'))[0]).to.include({ as: 'mount', through: upper })
  })

  it('is mounted as a partition of a disk image', function () {
    needTools(this, 'addpart', 'delpart')
    writeFileSync(at('whole.img'), '')
    truncateSync(at('whole.img'), 12 << 20)
    run('dd', [`if=${at('disk.img')}`, `of=${at('whole.img')}`, 'bs=1M', 'seek=1', 'conv=notrunc', 'status=none'])
    const disk = attach('-P', at('whole.img'))
    run('addpart', [disk, '1', '2048', String((8 << 20) / 512)])
    cleanUp.push(() => run('delpart', [disk, '1']))
    mount(`${disk}p1`)
    expect(uses(at('whole.img'))[0]).to.include({ as: 'mount', through: `${disk}p1` })
    expect(uses(disk)[0]).to.include({ as: 'mount', through: `${disk}p1` })
    expect(uses(`${disk}p1`)[0]).to.include({ as: 'mount', through: undefined })
  })

  it('is mounted at an offset of a larger file', () => {
    writeFileSync(at('offset.img'), '')
    truncateSync(at('offset.img'), 12 << 20)
    run('dd', [`if=${at('disk.img')}`, `of=${at('offset.img')}`, 'bs=1M', 'seek=2', 'conv=notrunc', 'status=none'])
    mount(attach('-o', String(2 << 20), at('offset.img')))
    expect(uses(at('offset.img'))[0]).to.include({ as: 'mount' })
  })

  it('is attached under a name that is gone by now, or that another file has', () => {
    copyFileSync(at('disk.img'), at('doomed.img'))
    linkSync(at('doomed.img'), at('survivor.img'))
    const device = attach(at('doomed.img'))
    unlinkSync(at('doomed.img'))
    const attached = [{ as: 'loop', through: device, readOnly: false, unsure: false }]
    expect(uses(at('survivor.img'))).to.deep.equal(attached)
    copyFileSync(at('disk.img'), at('doomed.img'))
    expect(uses(at('survivor.img'))).to.deep.equal(attached)
    expect(uses(at('doomed.img'))).to.deep.equal([])
  })

  it('is attached twice: each loop device is in use by the other', () => {
    const [first, second] = [attach(at('disk.img')), attach(at('disk.img'))] as const
    const beside = (through: string): Use[] => [{ as: 'loop', through, readOnly: false, unsure: false, beside: true }]
    expect(uses(first)).to.deep.equal(beside(second))
    expect(uses(second)).to.deep.equal(beside(first))
    mount(second, '-o', 'ro')
    expect(uses(first)[0]).to.include({ as: 'mount', readOnly: true, through: second, beside: true })
  })

  it('is attached twice, at bytes of its own each: neither is in the way', () => {
    writeFileSync(at('parts.img'), '')
    truncateSync(at('parts.img'), 16 << 20)
    const first = attach('-o', String(1 << 20), '--sizelimit', String(4 << 20), at('parts.img'))
    const second = attach('-o', String(5 << 20), '--sizelimit', String(4 << 20), at('parts.img'))
    expect(uses(first)).to.deep.equal([])
    expect(uses(second)).to.deep.equal([])
    const both = attach('-o', String(4 << 20), at('parts.img'))
    expect(uses(first).map(({ through }) => through)).to.deep.equal([both])
    expect(uses(second).map(({ through }) => through)).to.deep.equal([both])
  })

  it('is not because of the word another filesystem is mounted with', () => {
    mount(at('disk.img'), '-t', 'tmpfs')
    expect(uses(at('disk.img'))).to.deep.equal([])
  })

  for (const [title, how] of [
    ['a user', 'mount -t tmpfs "$0" /mnt'],
    [
      'a filesystem of a user',
      'exec 7<>/dev/fuse; mount -i -t fuse -o fd=7,rootmode=40000,user_id=0,group_id=0 "$0" /mnt',
    ],
  ] as const) {
    it(`is not because ${title} says so in a namespace of his own`, async function () {
      needTools(this, 'unshare', 'setpriv')
      const user = ['--reuid=65534', '--regid=65534', '--clear-groups']
      const holder = spawn(
        'setpriv',
        [...user, 'unshare', '-Urm', 'bash', '-c', `${how} && echo mounted && exec sleep 60`, at('disk.img')],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      )
      try {
        const told = await Promise.race([
          new Promise((ready) => holder.stdout.once('data', ready)).then(() => true),
          new Promise((exit) => holder.once('exit', exit)).then(() => false),
        ])
        if (!told) skip(this, 'needs namespaces of users, which this system does not allow')
        expect(allMounts().map(({ source }) => source)).to.include(at('disk.img'))
        expect(uses(at('disk.img'))).to.deep.equal([])
      } finally {
        holder.kill('SIGKILL')
      }
    })
  }

  it('is swap', function () {
    needTools(this, 'mkswap', 'swapon', 'swapoff')
    // Swap files must not have holes.
    writeFileSync(at('swap'), Buffer.alloc(1 << 20), { mode: 0o600 })
    run('mkswap', [at('swap')])
    const { status } = run('swapon', [at('swap')], { ok: [0, 1, 255] })
    if (status !== 0) skip(this, 'needs a kernel that swaps to a file of this filesystem')
    cleanUp.push(() => run('swapoff', [at('swap')]))
    expect(uses(at('swap'))).to.deep.equal([{ as: 'swap', through: undefined, readOnly: false, unsure: false }])
  })

  it('is mounted in another mount namespace only', async function () {
    needTools(this, 'unshare')
    const device = attach(at('disk.img'))
    const holder = spawn(
      'unshare',
      ['-m', 'sh', '-c', `mount ${device} '${at('mount point')}' && echo mounted && exec sleep 60`],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    try {
      await new Promise((ready) => holder.stdout.once('data', ready))
      expect(uses(at('disk.img'))[0]).to.deep.equal({
        as: 'mount',
        through: device,
        mountPoint: at('mount point'),
        readOnly: false,
        unsure: false,
      })
    } finally {
      const gone = new Promise((exit) => holder.once('exit', exit))
      holder.kill('SIGKILL')
      await gone
    }
  })
})
