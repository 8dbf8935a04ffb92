import { expect } from 'chai'
import { mkdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { identify, isReadOnlyDevice, sectorSizeOf } from '../../src/host/block-devices.js'
import { layersBelow, relatedDevices } from '../../src/host/device-stack.js'
import { scratchFolder } from '../support/tools.js'

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
    device('devices/sda/sda1', '8:1', { partition: '1\n', start: '2048\n', size: '4096\n' })
    device('devices/sda/sda2', '8:2', { partition: '2\n', start: '6144\n', size: '4096\n' })
    device('devices/sdb', '8:16')
    device('devices/dm-0', '253:0')
    device('devices/dm-1', '253:1')
    device('devices/md0', '9:0')
    device('devices/cciss!c0d0', '104:0')
    holds('devices/sda/sda1', 'devices/dm-0')
    holds('devices/dm-0', 'devices/dm-1')
    holds('devices/sdb', 'devices/md0')
    mkdirSync(join(folder.path, 'block'))
    mkdirSync(join(folder.path, 'class/block'), { recursive: true })
    // loop0 reads a file that has a name, loop1 one whose name is gone, loop2 part of the same.
    writeFileSync(join(folder.path, 'file.img'), '')
    truncateSync(join(folder.path, 'file.img'), 1 << 20)
    const loop = (number: number, backing: string, offset: number, size: number): void => {
      const more = { 'loop/backing_file': `${backing}\n`, 'loop/offset': `${offset}\n`, size: `${size / 512}\n` }
      device(`devices/loop${number}`, `7:${number}`, { ...more, ro: number === 2 ? '1\n' : '0\n' })
      symlinkSync(join(folder.path, `devices/loop${number}`), join(folder.path, 'block', `loop${number}`))
    }
    loop(0, join(folder.path, 'file.img'), 0, 1 << 20)
    loop(1, '/gone (deleted)', 0, 1 << 20)
    loop(2, join(folder.path, 'file.img'), 512 << 10, 256 << 10)
    device('devices/dm-7', '253:7')
    mkdirSync(join(folder.path, 'devices/dm-7/slaves/loop0'), { recursive: true })
    symlinkSync(join(folder.path, 'devices/loop0'), join(folder.path, 'class/block/loop0'))
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
    expect(related('8:1')).to.deep.equal(['sda1 itself', 'dm-0 holder', 'dm-1 holder', 'sda whole'])
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

  const file = join(folder.path, 'file.img')
  const fileIdentity = () => identify(statSync(file, { bigint: true }))

  it('are followed down to the file behind, with the bytes they give out', () => {
    expect(layersBelow({ kind: 'block', device: '7:2' }, folder.path)).to.deep.equal([
      {
        identity: fileIdentity(),
        path: file,
        range: { start: 512 << 10, end: 768 << 10 },
        reader: join(folder.path, 'devices/loop2'),
        by: 'loop',
      },
    ])
    expect(layersBelow({ kind: 'block', device: '8:2' }, folder.path)).to.deep.equal([
      {
        identity: { kind: 'block', device: '8:0' },
        path: undefined,
        range: { start: 6144 * 512, end: 10240 * 512 },
        reader: join(folder.path, 'devices/sda/sda2'),
        by: 'partition',
      },
    ])
  })

  it('are followed down through device mapper, which spreads the bytes', () => {
    const below = layersBelow({ kind: 'block', device: '253:7' }, folder.path)
    expect(below.map(({ by, range }) => ({ by, range }))).to.deep.equal([
      { by: 'stack', range: undefined },
      { by: 'loop', range: undefined },
    ])
    expect(below[1]!.identity).to.deep.equal(fileIdentity())
  })

  it('are beside each other where they give out the same bytes of one file', () => {
    // loop1 may be: what it reads cannot be named, and is of that size.
    expect(related('7:0')).to.deep.equal(['loop0 itself', 'loop1 loop', 'loop2 loop'])
    expect(related('7:2')).to.deep.equal(['loop2 itself', 'loop0 loop', 'loop1 loop'])
    expect(related('253:7')).to.deep.equal(['dm-7 itself', 'loop1 loop', 'loop2 loop'])
  })

  it('may be: a loop device reads a file of this size that cannot be named from here', () => {
    expect(relatedDevices(fileIdentity(), folder.path)).to.deep.equal([
      { device: '7:0', name: 'loop0', as: 'loop' },
      { device: '7:1', name: 'loop1', as: 'loop', unsure: true },
      { device: '7:2', name: 'loop2', as: 'loop' },
    ])
  })

  it('are read-only where sysfs says so', () => {
    expect(isReadOnlyDevice({ kind: 'block', device: '7:2' }, folder.path)).to.equal(true)
    expect(isReadOnlyDevice({ kind: 'block', device: '7:0' }, folder.path)).to.equal(false)
  })
})
