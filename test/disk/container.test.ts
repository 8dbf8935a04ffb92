import { expect } from 'chai'
import { copyFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BootpackError } from '../../src/errors.js'
import { besides } from '../../src/disk/containers/convert-command.js'
import { shellWord } from '../../src/text/shell-word.js'
import { containerFormats } from '../../src/disk/containers/formats.js'
import { fixedVhdSize, recogniseContainer } from '../../src/disk/containers/recognise.js'
import { FileStore } from '../../src/storage/file-store.js'
import { openImage } from '../../src/ext4/engine/open-image.js'
import { makeImage } from '../support/images.js'
import { hasTool, needTools, run, scratchFolder, skip } from '../support/tools.js'

const MiB = 1 << 20

async function refusal(path: string): Promise<BootpackError> {
  const before = existsSync(path) ? readFileSync(path) : undefined
  for (const write of [false, true]) {
    try {
      await (await openImage(path, { write })).close()
    } catch (error) {
      if (before) expect(readFileSync(path).equals(before), 'the refused file is unchanged').to.equal(true)
      if (!write) continue
      expect(error).to.be.instanceOf(BootpackError)
      return error as BootpackError
    }
    throw new Error(`${path} was opened, write ${write}`)
  }
  throw new Error('not reached')
}

/** As on a machine without QEMU's programs. */
async function withoutPrograms<T>(work: () => Promise<T>): Promise<T> {
  const { PATH } = process.env
  process.env['PATH'] = '/nowhere'
  try {
    return await work()
  } finally {
    process.env['PATH'] = PATH
  }
}

describe('words for a shell', () => {
  const folder = scratchFolder()
  after(folder.remove)

  it('come back from a shell as they were', () => {
    for (const word of [
      'plain.img',
      '/srv/a b.img',
      "it's",
      '-rf',
      '$(reboot)',
      '`id`',
      'a"b',
      'naïve*',
      'line\nbreak',
      'esc\x1b[2J',
      "q'\x07",
      '\\',
      '',
      'x?offset=1',
    ]) {
      const back = run('bash', ['-c', `printf %s ${shellWord(word)}`]).stdout
      expect(back, JSON.stringify(word)).to.equal(word.startsWith('-') ? `./${word}` : word)
    }
  })

  it('show nothing a terminal would obey', () => {
    expect(shellWord('a\x1b[2J\u202e')).to.match(/^[\x20-\x7e]+$/)
  })

  it('are put beside', () => {
    expect(besides('/a.b/disk.qcow2', '.img')).to.equal('/a.b/disk.img')
    expect(besides('/a.b/disk', '.img')).to.equal('/a.b/disk.img')
    expect(besides('disk.img', '.img')).to.equal('disk.img.raw')
  })
})

describe('containers', () => {
  const folder = scratchFolder()
  const at = (name: string): string => join(folder.path, name)
  before(function () {
    needTools(this, 'mke2fs')
    makeImage(at('disk.img'), { size: 4 * MiB, more: ['-L', 'contained'] })
  })
  after(folder.remove)

  describe('that hold an ext4 image', () => {
    // Each made by the format's own tool, and unmade by the very command that the refusal gives.
    const made: [code: string, tool: string, name: string, make: (from: string, to: string) => void, result: string][] =
      [
        ...(['qcow', 'qcow2', 'vmdk', 'vdi', 'vhdx', 'qed'] as const).map(
          (format) =>
            [
              format,
              'qemu-img',
              `disk.${format}`,
              (from: string, to: string) => {
                run('qemu-img', ['convert', '-O', format, from, to])
              },
              'disk.img',
            ] as [string, string, string, (from: string, to: string) => void, string],
        ),
        ['vhd', 'qemu-img', 'disk.vhd', (from, to) => run('qemu-img', ['convert', '-O', 'vpc', from, to]), 'disk.img'],
        [
          'vmdk',
          'qemu-img',
          'stream.vmdk',
          (from, to) => run('qemu-img', ['convert', '-O', 'vmdk', '-o', 'subformat=streamOptimized', from, to]),
          'stream.img',
        ],
        [
          'vmdk-descriptor',
          'qemu-img',
          'flat.vmdk',
          (from, to) => run('qemu-img', ['convert', '-O', 'vmdk', '-o', 'subformat=monolithicFlat', from, to]),
          'flat.img',
        ],
        ...(
          [
            ['xz', 'xz'],
            ['gzip', 'gz'],
            ['bzip2', 'bz2'],
            ['zstd', 'zst'],
            ['lz4', 'lz4'],
          ] as const
        ).map(
          ([tool, ending]) =>
            [
              tool,
              tool,
              `disk.img.${ending}`,
              (from: string, to: string) => {
                run('sh', ['-c', `${tool} -c < ${shellWord(from)} > ${shellWord(to)}`])
              },
              'disk.img',
            ] as [string, string, string, (from: string, to: string) => void, string],
        ),
        [
          'lzma',
          'xz',
          'disk.img.lzma',
          (from, to) => run('sh', ['-c', `xz --format=lzma -c < ${shellWord(from)} > ${shellWord(to)}`]),
          'disk.img',
        ],
        ['android-sparse', 'img2simg', 'disk.simg', (from, to) => run('img2simg', [from, to]), 'disk.raw.img'],
      ]
    for (const [code, tool, name, make, result] of made) {
      it(`${name} (${code}) are refused with the command that helps`, async function () {
        needTools(this, tool)
        const inner = at(`${name} of it`)
        mkdirSync(inner)
        const path = join(inner, name)
        make(at('disk.img'), path)
        const error = await withoutPrograms(() => refusal(path))
        expect(error).to.include({ family: 'unsupported', exitCode: 5, code })
        const command = /: ([^:]+)$/.exec(error.next!)![1]!
        if (/^simg2img/.test(command)) needTools(this, 'simg2img')
        run('sh', ['-c', command])
        const volume = await openImage(join(inner, result), { write: false })
        expect(volume.geometry().blockCount).to.be.greaterThan(100)
        await volume.close()
      })
    }

    it('fixed VHDs are opened as they are', async function () {
      needTools(this, 'qemu-img')
      run('qemu-img', ['convert', '-O', 'vpc', '-o', 'subformat=fixed,force_size=on', at('disk.img'), at('fixed.vhd')])
      const store = await FileStore.open(at('fixed.vhd'))
      expect(await fixedVhdSize(store)).to.equal(4 * MiB)
      expect(await recogniseContainer(store)).to.equal(undefined)
      await store.close()
      const volume = await openImage(at('fixed.vhd'), { write: true })
      expect(volume.geometry().uuid).to.be.a('string')
      await volume.close()
      // A footer whose sum is wrong is not taken for one.
      const bytes = readFileSync(at('fixed.vhd'))
      bytes[bytes.length - 512 + 30]! ^= 1
      writeFileSync(at('wrong.vhd'), bytes)
      const other = await FileStore.open(at('wrong.vhd'))
      expect(await fixedVhdSize(other)).to.equal(undefined)
      await other.close()
    })

    it('archives are named', async () => {
      run('tar', ['-C', folder.path, '-cf', at('disk.tar'), 'disk.img'])
      const error = await refusal(at('disk.tar'))
      expect(error.code).to.equal('tar')
      expect(error.next).to.contain(`tar -xf ${at('disk.tar')}`)
    })
  })

  describe('other than ext4', () => {
    const made: [code: string, tool: string, size: number, make: (path: string) => void][] = [
      ['xfs', 'mkfs.xfs', 320 * MiB, (path) => run('mkfs.xfs', ['-q', path])],
      ['btrfs', 'mkfs.btrfs', 128 * MiB, (path) => run('mkfs.btrfs', ['-q', path])],
      ['f2fs', 'mkfs.f2fs', 128 * MiB, (path) => run('mkfs.f2fs', ['-q', path])],
      ['vfat', 'mkfs.vfat', 4 * MiB, (path) => run('mkfs.vfat', [path])],
      ['vfat', 'mkfs.vfat', 64 * MiB, (path) => run('mkfs.vfat', ['-F', '32', path])],
      ['exfat', 'mkfs.exfat', 8 * MiB, (path) => run('mkfs.exfat', [path])],
      ['ntfs', 'mkntfs', 16 * MiB, (path) => run('mkntfs', ['-F', '-Q', path])],
      ['swap', 'mkswap', 4 * MiB, (path) => run('mkswap', [path])],
      [
        'luks',
        'cryptsetup',
        32 * MiB,
        (path) =>
          run('cryptsetup', ['luksFormat', '-q', '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', path], {
            input: 'secret',
          }),
      ],
      [
        'squashfs',
        'mksquashfs',
        0,
        (path) => run('mksquashfs', [join(folder.path, 'tree'), path, '-quiet', '-no-progress', '-noappend']),
      ],
      ['erofs', 'mkfs.erofs', 0, (path) => run('mkfs.erofs', [path, join(folder.path, 'tree')])],
      ['iso9660', 'genisoimage', 0, (path) => run('genisoimage', ['-quiet', '-o', path, join(folder.path, 'tree')])],
    ]
    before(() => {
      mkdirSync(at('tree'))
      writeFileSync(at('tree/file'), 'contents')
    })
    for (const [index, [code, tool, size, make]] of made.entries()) {
      it(`${code} of ${tool} are named`, async function () {
        needTools(this, tool)
        const path = at(`${code}-${index}`)
        if (size > 0) {
          writeFileSync(path, '', { mode: 0o600 })
          truncateSync(path, size)
        }
        make(path)
        const store = await FileStore.open(path)
        expect((await recogniseContainer(store))?.code).to.equal(code)
        await store.close()
        if (size > 64 * MiB) return
        expect(await refusal(path)).to.include({ family: 'unsupported', exitCode: 5, code })
      })
    }

    it('RAID members are refused, though a mirror looks like the filesystem in it', async () => {
      // mdadm is not needed: a version 1.0 superblock 8 KiB before the end, and a 0.90 one.
      const image = readFileSync(at('disk.img'))
      const version1 = Buffer.concat([image, Buffer.alloc(64 << 10)])
      const place = Math.floor((version1.length / 512 - 16) / 8) * 8 * 512
      version1.writeUInt32LE(0xa92b4efc, place)
      version1.writeUInt32LE(1, place + 4)
      version1.writeBigUInt64LE(BigInt(place / 512), place + 144)
      writeFileSync(at('mirror1'), version1)
      expect(await refusal(at('mirror1'))).to.include({ code: 'raid', exitCode: 5 })
      const version0 = Buffer.concat([image, Buffer.alloc(64 << 10)])
      version0.writeUInt32LE(0xa92b4efc, version0.length - (64 << 10))
      version0.writeUInt32LE(90, version0.length - (64 << 10) + 8)
      writeFileSync(at('mirror0'), version0)
      expect(await refusal(at('mirror0'))).to.include({ code: 'raid', exitCode: 5 })
      // The magic number alone, in what may be a file's data, is not enough.
      version0.writeUInt32LE(0, version0.length - (64 << 10) + 8)
      writeFileSync(at('no-mirror'), version0)
      await (await openImage(at('no-mirror'), { write: false })).close()
    })

    it('leftovers of another filesystem do not hide ext4', async () => {
      const image = readFileSync(at('disk.img'))
      image.write('SWAPSPACE2', 65536 - 10, 'latin1')
      writeFileSync(at('leftover.img'), image)
      await (await openImage(at('leftover.img'), { write: false })).close()
    })
  })

  it('of every kind are told by their magic', async function () {
    this.timeout(20_000)
    for (const format of containerFormats) {
      for (const { offset, bytes } of format.magic) {
        const content = Buffer.alloc(80 << 10)
        content.write(bytes, offset < 0 ? content.length + offset : offset, 'latin1')
        writeFileSync(at('magic'), content)
        const store = await FileStore.open(at('magic'))
        const found = await recogniseContainer(store)
        await store.close()
        // The first qcow and the second share their first four bytes; the version comes after.
        expect(found?.code, `${format.code} at ${offset}`).to.equal(format.code)
        expect(format.advice(at('magic'))).to.match(/\S/)
      }
    }
  })

  it('are none when there is nothing, zeros or noise', async function () {
    const seen: string[] = []
    for (const [name, content] of [
      ['empty', Buffer.alloc(0)],
      ['one', Buffer.alloc(1)],
      ['short', Buffer.alloc(1500, 0x53)],
      ['zeros', Buffer.alloc(MiB)],
      ['text', Buffer.from('Hello\n'.repeat(9999))],
    ] as const) {
      writeFileSync(at(name), content)
      const error = await refusal(at(name))
      expect(error, name).to.include({ family: 'unsupported', exitCode: 5 })
      seen.push(error.code)
    }
    expect(seen).to.deep.equal(['empty', ...Array<string>(4).fill('not-a-filesystem')])
    if (!hasTool('mke2fs')) skip(this, 'needs mke2fs')
    // An image of which only the very beginning was copied.
    copyFileSync(at('disk.img'), at('cut.img'))
    truncateSync(at('cut.img'), 1 * MiB)
    expect(await refusal(at('cut.img'))).to.include({ family: 'corrupt', exitCode: 6, structure: 'superblock' })
    truncateSync(at('cut.img'), 1100)
    expect((await refusal(at('cut.img'))).exitCode).to.be.oneOf([5, 6])
  })
})
