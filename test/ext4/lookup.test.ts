import { expect } from 'chai'
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FileStore } from '../../src/storage/file-store.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { ImageVolume } from '../../src/ext4/engine/image-volume.js'
import { inodesSharing } from '../../src/ext4/ownership/owners.js'
import type { OwnedRun } from '../../src/layout/owner.js'
import { blockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import type { Lookup } from '../../src/volume/volume.js'
import { debugfs, debugfsWrite, makeImage } from '../support/images.js'
import { hasTool, needTools, run, scratchFolder } from '../support/tools.js'
import { makeTree, manyNames } from './specimens.js'

describe('paths in an image', () => {
  const folder = scratchFolder()
  const image = join(folder.path, 'image')
  let volume: ImageVolume
  const numberOf = (path: string): number => Number(/Inode: (\d+)/.exec(debugfs(image, `stat "${path}"`))![1])
  const find = async (path: string): Promise<Lookup> => {
    const found = await volume.lookup(path)
    expect(found, path).not.to.equal(undefined)
    return found!
  }

  before(async function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck')
    const tree = join(folder.path, 'tree')
    makeTree(tree)
    mkdirSync(join(tree, 'links'))
    // The kernel follows forty links on one path and no more.
    symlinkSync('../tiny', join(tree, 'links/41'))
    for (let i = 40; i > 0; i--) symlinkSync(`${i + 1}`, join(tree, `links/${i}`))
    makeImage(image, { size: 64 * 1024 * 1024, blockSize: 1024, tree })
    run('e2fsck', ['-fyD', image], { ok: [0, 1] })
    volume = await ImageVolume.open(await Filesystem.open(await FileStore.open(image)))
  })
  after(async () => {
    if (hasTool('mke2fs')) await volume.close()
    folder.remove()
  })

  it('lead to files, with the directories on the way', async () => {
    const { file, through } = await find('/usr/lib/deep/er/and/deeper/file')
    expect(file).to.deep.equal({
      inode: numberOf('/usr/lib/deep/er/and/deeper/file'),
      path: '/usr/lib/deep/er/and/deeper/file',
      type: 'regular',
      size: 12345,
      links: 1,
    })
    expect(through).to.deep.equal(
      [
        '/',
        '/usr',
        '/usr/lib',
        '/usr/lib/deep',
        '/usr/lib/deep/er',
        '/usr/lib/deep/er/and',
        '/usr/lib/deep/er/and/deeper',
      ].map(numberOf),
    )
    expect(await find('usr//./lib/../lib/deep/er/and/deeper/file/')).to.deep.equal({ file, through })
    expect(await find('/')).to.deep.equal({
      file: { inode: 2, path: '/', type: 'directory', size: 1024, links: 8 },
      through: [],
    })
  })

  it('follow links inside the image, and never out of it', async () => {
    const one = numberOf('/usr/lib/one')
    const viaFolder = await find('/lib/one')
    expect(viaFolder.file.inode).to.equal(one)
    expect(viaFolder.file.path).to.equal('/usr/lib/one')
    expect(viaFolder.through).to.deep.equal([2, numberOf('/lib'), numberOf('/usr'), numberOf('/usr/lib')])
    expect((await find('/absolute')).file.inode).to.equal(one)
    expect((await find('/absolute')).through).to.include(numberOf('/absolute'))
    expect((await find('/slow-link')).file.path).to.equal('/usr/lib/big')
    expect((await find('/above-the-root')).file.path).to.equal('/tiny')
    expect((await find('/../../tiny')).file.path).to.equal('/tiny')
    expect((await find('/hard-link')).file.inode).to.equal(numberOf('/usr/lib/block'))
    expect((await find('/hard-link')).file.links).to.equal(2)
  })

  it('that lead nowhere say so', async () => {
    for (const path of [
      '/nothing',
      '/dangling',
      '/circle-a',
      '/tiny/file',
      '/usr/lib/one/../one',
      '/nothing/../tiny',
      '/many/nnn',
      '/usr/LIB',
    ]) {
      expect(await volume.lookup(path), path).to.equal(undefined)
    }
    expect((await find('/links/2')).file.path).to.equal('/tiny')
    expect(await volume.lookup('/links/1')).to.equal(undefined)
  })

  it('find each of many names in an indexed directory', async () => {
    expect(debugfs(image, 'stat many')).to.include('Flags: 0x81000')
    for (let i = 0; i < manyNames; i += 13) {
      const path = `/many/${'n'.repeat(i % 60)}-${i}`
      expect((await find(path)).file.path).to.equal(path)
    }
  })

  it('come back from inodes, one for each', async () => {
    const wanted = [
      '/',
      '/usr',
      '/usr/lib/one',
      '/many/nnnn-4',
      '/lib',
      '/circle-a',
      '/empty-folder',
      '/usr/lib/deep/er/and/deeper/file',
    ].map(numberOf)
    const paths = await volume.paths([...wanted, 5, 10, 16000, 0, 99999999])
    expect(paths).to.deep.equal(
      new Map([
        [wanted[0], '/'],
        [wanted[1], '/usr'],
        [wanted[2], '/usr/lib/one'],
        [wanted[3], '/many/nnnn-4'],
        [wanted[4], '/lib'],
        [wanted[5], '/circle-a'],
        [wanted[6], '/empty-folder'],
        [wanted[7], '/usr/lib/deep/er/and/deeper/file'],
      ]),
    )
    expect((await volume.paths([numberOf('/hard-link')])).get(numberOf('/hard-link'))).to.be.oneOf([
      '/hard-link',
      '/usr/lib/block',
    ])
  })

  it('do not go through encrypted directories, whose names nobody can read', async () => {
    const locked = join(folder.path, 'locked')
    copyFileSync(image, locked)
    debugfsWrite(locked, ['set_inode_field /usr/lib/deep flags 0x80800'])
    const other = await ImageVolume.open(await Filesystem.open(await FileStore.open(locked)))
    const below = numberOf('/usr/lib/deep/er/and/deeper/file')
    expect(await other.lookup('/usr/lib/deep/er')).to.equal(undefined)
    expect(await other.paths([below, numberOf('/usr/lib/deep')])).to.deep.equal(
      new Map([[numberOf('/usr/lib/deep'), '/usr/lib/deep']]),
    )
    // What is in them can move all the same: ciphertext does not depend on the place.
    expect((await other.byInode(below))?.immovable).to.equal(undefined)
    await other.close()
  })

  it('tell the first block of a directory, the goal of 2007', async () => {
    for (const path of ['/', '/usr', '/many', '/tiny', '/comb']) {
      const bmap = Number(debugfs(image, `bmap ${path} 0`).trim())
      expect(await volume.firstBlock((await find(path)).file), path).to.equal(bmap)
    }
    expect(await volume.firstBlock((await find('/usr/empty')).file)).to.equal(undefined)
  })
})

describe('files that must stay', () => {
  const folder = scratchFolder()
  after(() => {
    folder.remove()
  })

  interface Contents {
    readonly files?: Readonly<Record<string, string | Buffer>>
    readonly folders?: readonly string[]
  }

  function imageWith(
    name: string,
    { files = {}, folders = [] }: Contents,
    more: Partial<Parameters<typeof makeImage>[1]> = {},
  ): string {
    const tree = join(folder.path, `${name}-tree`)
    for (const path of ['', ...folders]) mkdirSync(join(tree, path), { recursive: true })
    for (const [path, contents] of Object.entries(files)) writeFileSync(join(tree, path), contents)
    const image = join(folder.path, name)
    makeImage(image, { size: 16 * 1024 * 1024, ...more, tree })
    return image
  }

  async function reasons(image: string, paths: readonly string[]): Promise<(string | undefined)[]> {
    const volume = await ImageVolume.open(await Filesystem.open(await FileStore.open(image)))
    try {
      const found: (string | undefined)[] = []
      const owned = await volume.owners(blockRun(0, volume.geometry().blockCount))
      for (const path of paths) {
        const { file } = (await volume.lookup(path))!
        found.push(file.immovable)
        for (const run of owned)
          if (run.inode === file.inode && run.kind !== 'xattr') expect(run.immovable, path).to.equal(file.immovable)
      }
      return found
    } finally {
      await volume.close()
    }
  }

  before(function () {
    needTools(this, 'mke2fs', 'debugfs')
  })

  it('are those of a boot loader, in /boot', async () => {
    const image = imageWith('boot', {
      folders: ['boot/grub/x86', 'boot/extlinux', 'etc'],
      files: {
        'boot/grub/grubenv': 'g',
        'boot/grub/x86/core.img': 'c',
        'boot/extlinux/ldlinux.sys': 'l',
        'boot/ldlinux.sys': 's',
        'boot/vmlinuz': 'v',
        'etc/grub': 'e',
      },
    })
    expect(
      await reasons(image, [
        '/boot/grub/grubenv',
        '/boot/grub/x86/core.img',
        '/boot/extlinux/ldlinux.sys',
        '/boot/ldlinux.sys',
        '/boot/vmlinuz',
        '/etc/grub',
        '/boot/grub',
        '/boot',
      ]),
    ).to.deep.equal([
      'boot-loader',
      'boot-loader',
      'boot-loader',
      'boot-loader',
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })

  it('are those of LILO, kernels too, and those of a /boot of its own', async () => {
    const lilo = imageWith('lilo', {
      folders: ['boot/other'],
      files: { 'boot/map': 'm', 'boot/vmlinuz': 'v', 'boot/other/file': 'f', map: "not LILO's" },
    })
    expect(await reasons(lilo, ['/boot/map', '/boot/vmlinuz', '/boot/other/file', '/map'])).to.deep.equal([
      'boot-loader',
      'boot-loader',
      undefined,
      undefined,
    ])
    const zipl = imageWith('zipl', {
      folders: ['boot/deep', 'etc', 'opt'],
      files: {
        'boot/bootmap': 'b',
        'boot/vmlinuz': 'v',
        'boot/deep/initrd': 'i',
        'boot/second.b': 's',
        'etc/zipl.conf': '[linux]\n  target = /boot\n  image = /opt/kernel\n  ramdisk=/opt/ramdisk,0x1000000\n',
        'opt/kernel': 'k',
        'opt/ramdisk': 'r',
        'opt/other': 'o',
      },
    })
    expect(
      await reasons(zipl, [
        '/boot/vmlinuz',
        '/boot/deep/initrd',
        '/opt/kernel',
        '/opt/ramdisk',
        '/opt/other',
        '/etc/zipl.conf',
      ]),
    ).to.deep.equal(['boot-loader', 'boot-loader', 'boot-loader', 'boot-loader', undefined, undefined])
    const silo = imageWith('silo', { folders: ['boot'], files: { 'boot/second.b': 's', 'boot/vmlinuz': 'v' } })
    expect(await reasons(silo, ['/boot/second.b', '/boot/vmlinuz'])).to.deep.equal(['boot-loader', undefined])
    const separate = imageWith('separate', { folders: ['grub'], files: { 'grub/core.img': 'c', vmlinuz: 'v' } })
    expect(await reasons(separate, ['/grub/core.img', '/vmlinuz'])).to.deep.equal(['boot-loader', undefined])
  })

  for (const [page, blockSize] of [
    [4096, 4096],
    [4096, 1024],
    [65536, 4096],
    [65536, 1024],
  ] as const) {
    it(`are swap files for pages of ${page} bytes, in blocks of ${blockSize}`, async function () {
      needTools(this, 'mkswap')
      const swap = join(folder.path, `swap-${page}-${blockSize}`)
      writeFileSync(swap, Buffer.alloc(page * 12))
      run('mkswap', ['-p', String(page), swap])
      const signed = readFileSync(swap)
      const other = Buffer.from(signed)
      other[page - 1]! ^= 1
      const image = imageWith(
        `swapping-${page}-${blockSize}`,
        { files: { swapfile: signed, 'not-a-swapfile': other, user: signed } },
        { blockSize },
      )
      debugfsWrite(image, [
        'set_inode_field swapfile uid 0',
        'set_inode_field not-a-swapfile uid 0',
        'set_inode_field user uid 1000',
      ])
      expect(await reasons(image, ['/swapfile', '/not-a-swapfile', '/user'])).to.deep.equal([
        'swap-file',
        undefined,
        undefined,
      ])
    })
  }

  it("are inline and the filesystem's own, not those mapped by indirect blocks", async () => {
    const inline = imageWith('inline', { files: { small: 'x' } }, { features: 'inline_data' })
    expect(await reasons(inline, ['/small'])).to.deep.equal(['inline-data'])
    const indirect = imageWith('indirect', { files: { small: 'x' } }, { features: '^extent,^64bit,^metadata_csum' })
    expect(await reasons(indirect, ['/small', '/'])).to.deep.equal([undefined, undefined])
    const volume = await ImageVolume.open(await Filesystem.open(await FileStore.open(indirect)))
    expect((await volume.byInode(8))?.immovable).to.equal('system-inode')
    expect((await volume.byInode(7))?.immovable).to.equal('system-inode')
    await volume.close()
  })

  it('are not the immutable ones: nothing looks at flags while the filesystem is offline', async () => {
    const image = imageWith('flags', { files: { immutable: 'x', append: 'y' } })
    debugfsWrite(image, ['set_inode_field immutable flags 0x80010', 'set_inode_field append flags 0x80020'])
    expect(await reasons(image, ['/immutable', '/append'])).to.deep.equal([undefined, undefined])
  })

  it('are attributes in inodes of their own', async () => {
    const image = imageWith('ea', { files: { owner: 'x' } }, { features: 'ea_inode', blockSize: 1024 })
    const value = join(folder.path, 'value')
    writeFileSync(value, 'v'.repeat(1024))
    debugfsWrite(image, [`ea_set -f ${value} owner user.huge`])
    const volume = await ImageVolume.open(await Filesystem.open(await FileStore.open(image)))
    try {
      const owned = await volume.owners(blockRun(0, volume.geometry().blockCount))
      const held = owned.filter(({ immovable }) => immovable === 'shared-xattr')
      expect(held.map(({ kind, length }) => [kind, length])).to.deep.equal([['data', 1]])
      expect((await volume.byInode(held[0]!.inode))?.immovable).to.equal('shared-xattr')
    } finally {
      await volume.close()
    }
  })

  it('share an attribute block with somebody unseen', async () => {
    const image = imageWith(
      'shared',
      { files: { first: 'x', second: 'y' } },
      { features: '^metadata_csum', blockSize: 1024 },
    )
    debugfsWrite(image, [`ea_set first user.long ${'v'.repeat(400)}`])
    const block = Number(/File ACL: (\d+)/.exec(debugfs(image, 'stat first'))![1])
    const numberOf = (path: string): number => Number(/Inode: (\d+)/.exec(debugfs(image, `stat ${path}`))![1])
    const owner = async (): Promise<OwnedRun> => {
      const volume = await ImageVolume.open(await Filesystem.open(await FileStore.open(image)))
      try {
        expect((await volume.metadata((await volume.lookup('/first'))!.file)).xattr).to.equal(block)
        const owned = await volume.owners(blockRun(block, 1))
        expect(owned).to.have.length(1)
        return owned[0]!
      } finally {
        await volume.close()
      }
    }
    const alone = { start: block, length: 1, kind: 'xattr', inode: numberOf('first'), logical: 0, unwritten: false }
    expect(await owner()).to.deep.equal(alone)
    // h_refcount says two, one inode is seen.
    debugfsWrite(image, [`zap_block -o 4 -l 1 -p 2 ${block}`])
    expect(await owner()).to.deep.equal({ ...alone, immovable: 'shared-xattr' })
    debugfsWrite(image, [`set_inode_field second file_acl ${block}`, 'set_inode_field second blocks 4'])
    expect(await owner()).to.deep.equal(alone)
    run('e2fsck', ['-fn', image])
    const filesystem = await Filesystem.open(await FileStore.open(image))
    expect(await inodesSharing(filesystem, RunSet.of([blockRun(block, 1)]))).to.deep.equal(
      new Map([[block, [numberOf('first'), numberOf('second')].sort((a, b) => a - b)]]),
    )
    await filesystem.store.close()
  })
})
