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
import { deviceNumber, identify, relatedDevices, sectorSizeOf } from '../../src/host/block-devices.js'
import { parseMountinfo, parseSwaps, unescapeOctal } from '../../src/host/mountinfo.js'
import { allMounts, findUses, type Use } from '../../src/host/is-mounted.js'
import { makeImage } from '../support/images.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'

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
      { device: '98:0', root: '/mnt1', mountPoint: '/mnt2', type: 'ext3', source: '/dev/root', readOnly: false },
      { device: '7:0', root: '/', mountPoint: '/a b\tc\\d\ne', type: 'ext4', source: '/dev/my disk', readOnly: true },
      { device: '0:50', root: '/', mountPoint: '/bind', type: 'ext4', source: '/dev/sdb1', readOnly: false },
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
    const stats = statSync('/dev/null', { bigint: true })
    expect(deviceNumber(stats.rdev)).to.equal('1:3')
  })
})

describe('stacked devices', () => {
  // Device mapper and multi-disk devices are not everywhere: sysfs as it looks with
  // /dev/sda1 under an encrypted volume under LVM, and /dev/sdb under a mirror.
  const folder = scratchFolder()
  before(() => {
    const device = (path: string, number: string, more: Record<string, string> = {}): void => {
      mkdirSync(join(folder.path, path, 'holders'), { recursive: true })
      writeFileSync(join(folder.path, path, 'dev'), `${number}\n`)
      for (const [name, text] of Object.entries(more)) {
        mkdirSync(join(folder.path, path, name, '..'), { recursive: true })
        writeFileSync(join(folder.path, path, name), text)
      }
      mkdirSync(join(folder.path, 'dev/block'), { recursive: true })
      symlinkSync(join(folder.path, path), join(folder.path, 'dev/block', number))
    }
    const holds = (path: string, holder: string): void =>
      symlinkSync(join(folder.path, holder), join(folder.path, path, 'holders', holder.split('/').at(-1)!))
    device('devices/sda', '8:0', { 'queue/logical_block_size': '4096\n' })
    device('devices/sda/sda1', '8:1', { partition: '1\n' })
    device('devices/sda/sda2', '8:2', { partition: '2\n' })
    device('devices/sdb', '8:16')
    device('devices/dm-0', '253:0')
    device('devices/dm-1', '253:1')
    device('devices/md0', '9:0')
    device('devices/cciss!c0d0', '104:0')
    holds('devices/sda/sda1', 'devices/dm-0')
    holds('devices/dm-0', 'devices/dm-1')
    holds('devices/sdb', 'devices/md0')
    mkdirSync(join(folder.path, 'block'))
  })
  after(folder.remove)
  const related = (device: string): string[] =>
    relatedDevices({ kind: 'block', device }, folder.path).map(({ name, as }) => `${name} ${as}`)

  it('are followed upwards', () => {
    expect(related('8:0')).to.deep.equal([
      'sda itself',
      'sda1 partition',
      'sda2 partition',
      'dm-0 holder',
      'dm-1 holder',
    ])
    expect(related('8:1')).to.deep.equal(['sda1 itself', 'sda whole', 'dm-0 holder', 'dm-1 holder'])
    expect(related('8:16')).to.deep.equal(['sdb itself', 'md0 holder'])
  })

  it('leave the other partitions of a disk out', () => {
    expect(related('8:2')).to.deep.equal(['sda2 itself', 'sda whole'])
  })

  it('have the name that /dev has', () => {
    expect(related('104:0')).to.deep.equal(['cciss/c0d0 itself'])
  })

  it('are themselves where sysfs tells nothing', () => {
    expect(related('1:2')).to.deep.equal(['1:2 itself'])
    expect(relatedDevices({ kind: 'block', device: '8:0' }, join(folder.path, 'nowhere'))).to.have.length(1)
  })

  it('tell their sector size, partitions that of their disk', () => {
    expect(sectorSizeOf({ kind: 'block', device: '8:0' }, folder.path)).to.equal(4096)
    expect(sectorSizeOf({ kind: 'block', device: '8:2' }, folder.path)).to.equal(4096)
    expect(sectorSizeOf({ kind: 'block', device: '253:0' }, folder.path)).to.equal(undefined)
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

  it('may be: a loop device reads a file of this size whose name is gone', () => {
    copyFileSync(at('disk.img'), at('doomed.img'))
    linkSync(at('doomed.img'), at('survivor.img'))
    const device = attach(at('doomed.img'))
    unlinkSync(at('doomed.img'))
    expect(uses(at('survivor.img'))).to.deep.equal([{ as: 'loop', through: device, readOnly: false, unsure: true }])
    truncateSync(at('survivor.img'), 7 << 20)
    expect(uses(at('survivor.img'))).to.deep.equal([])
  })

  it('is swap', function () {
    needTools(this, 'mkswap', 'swapon', 'swapoff')
    // Swap files must not have holes.
    writeFileSync(at('swap'), Buffer.alloc(1 << 20), { mode: 0o600 })
    run('mkswap', [at('swap')])
    const { status } = run('swapon', [at('swap')], { ok: [0, 1, 255] })
    if (status !== 0) this.skip()
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
