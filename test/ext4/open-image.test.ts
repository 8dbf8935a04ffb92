import { expect } from 'chai'
import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BootpackError } from '../../src/errors.js'
import { imageEngine, openImage } from '../../src/ext4/engine/open-image.js'
import { claim } from '../../src/volume/open-volume.js'
import { checkImage, debugfsWrite, makeImage } from '../support/images.js'
import { opens, poke, refusal } from '../support/refusal.js'
import { isRoot, needLoopMounts, needTools, run, scratchFolder, skip } from '../support/tools.js'

const MiB = 1 << 20

describe('opening an image', () => {
  const folder = scratchFolder()
  const at = (name: string): string => join(folder.path, name)
  const good = at('good.img')
  before(function () {
    needTools(this, 'mke2fs', 'debugfs')
    makeImage(good, { size: 16 * MiB, more: ['-L', 'good'] })
    mkdirSync(at('mnt'))
  })
  after(folder.remove)
  const copy = (name: string): string => {
    copyFileSync(good, at(name))
    return at(name)
  }

  it('takes a filesystem at rest, for reading and for writing', async () => {
    const before = readFileSync(good)
    await opens(good, { write: false })
    await opens(good, { write: true })
    expect(readFileSync(good).equals(before), 'opening alone changes nothing').to.equal(true)
    checkImage(good)
  })

  it('takes block 1024, ext2 and ext3 too', async () => {
    for (const [name, type] of [
      ['two', 'ext2'],
      ['three', 'ext3'],
    ] as const) {
      writeFileSync(at(name), '')
      truncateSync(at(name), 8 * MiB)
      run('mke2fs', ['-q', '-F', '-t', type, '-b', '1024', at(name)])
      await opens(at(name), { write: false })
    }
  })

  it('says what is not there, or not an image', async () => {
    for (const [path, code] of [
      [at('nothing'), 'no-such-target'],
      [folder.path, 'not-an-image'],
      ['/dev/null', 'not-an-image'],
    ] as const) {
      const error = await openImage(path, { write: false }).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error).to.be.instanceOf(BootpackError).and.include({ code, exitCode: 2 })
    }
  })

  describe('on a disk with partitions', () => {
    const disk = at('disk.img')
    const sfdisk = (path: string, script: string): void => {
      run('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', path], { input: script })
    }
    before(function () {
      needTools(this, 'sfdisk')
      writeFileSync(disk, '')
      truncateSync(disk, 64 * MiB)
      sfdisk(
        disk,
        'label: gpt\n1 : start=1MiB, size=2MiB, type=uefi\n2 : start=4MiB, size=16MiB\n3 : start=24MiB, size=16MiB\n',
      )
      poke(disk, 4 * MiB, readFileSync(good))
    })

    it('takes the only ext4, and writes only there', async () => {
      const volume = await openImage(disk, { write: true })
      expect(volume.geometry().blockCount * volume.geometry().blockSize).to.equal(16 * MiB)
      await volume.close()
      await opens(disk, { write: false, partition: 2 })
    })

    it('names the partition and how e2fsprogs reaches it', async () => {
      copyFileSync(disk, at('dirty.img'))
      debugfsWrite(`${at('dirty.img')}?offset=${4 * MiB}`, ['ssv state 0'])
      const error = await refusal(at('dirty.img'), { write: true })
      expect(error.code).to.equal('not-clean')
      expect(error.message).to.contain('partition 2 of ')
      run('sh', ['-c', /e2fsck.*$/.exec(error.next!)![0].replace('-f ', '-fy ')], { ok: [0, 1] })
      await opens(at('dirty.img'), { write: true })
    })

    it('asks when two hold ext4', async () => {
      copyFileSync(disk, at('both.img'))
      poke(at('both.img'), 24 * MiB, readFileSync(good))
      const error = await refusal(at('both.img'), { write: false })
      expect(error).to.include({ code: 'choose-partition', exitCode: 2 })
      expect(error.next).to.match(/2 +4194304 +16 MiB +ext4 +good/)
      await opens(at('both.img'), { write: false, partition: 3 })
    })

    it('says what the partition holds instead', async () => {
      expect(await refusal(disk, { write: false, partition: 9 })).to.include({ code: 'no-such-partition', exitCode: 2 })
      expect(await refusal(disk, { write: false, partition: 1 })).to.include({ code: 'not-a-filesystem', exitCode: 5 })
      copyFileSync(disk, at('luks.img'))
      poke(at('luks.img'), 24 * MiB, Buffer.from('LUKS\xba\xbe\0\x02', 'latin1'))
      const error = await refusal(at('luks.img'), { write: false, partition: 3 })
      expect(error).to.include({ code: 'luks', exitCode: 5 })
      expect(error.next).to.contain('losetup -fP').and.to.contain('cryptsetup open /dev/loop0p3')
    })

    it('knows a whole disk from a partition of it', async () => {
      expect(await refusal(good, { write: false, partition: 1 })).to.include({
        code: 'no-partition-table',
        exitCode: 2,
      })
      await opens(good, { write: false, partition: 0 })
      expect(await refusal(disk, { write: false, partition: 0 })).to.include({ code: 'not-a-filesystem', exitCode: 5 })
    })

    it('asks when a filesystem lies over the whole of a partitioned disk', async () => {
      const path = at('ambiguous.img')
      makeImage(path, { size: 64 * MiB })
      sfdisk(path, 'label: dos\n1 : start=8MiB, size=16MiB\n')
      const error = await refusal(path, { write: true })
      expect(error).to.include({ code: 'ambiguous-image', exitCode: 2 })
      await opens(path, { write: true, partition: 0 })
      // Half a superblock is no filesystem.
      const remains = at('remains.img')
      copyFileSync(path, remains)
      poke(remains, 1024 + 0x100, Buffer.alloc(0x200, 0xa5))
      poke(remains, 8 * MiB, readFileSync(good))
      await opens(remains, { write: false })
    })

    it('finds an MBR that counts in sectors of 4096 bytes', async function () {
      needLoopMounts(this)
      const path = at('wide.img')
      writeFileSync(path, '')
      truncateSync(path, 64 * MiB)
      const device = run('losetup', ['-f', '--show', '--sector-size', '4096', path]).stdout.trim()
      try {
        sfdisk(device, 'label: dos\n1 : start=4MiB, size=2MiB, type=c\n2 : start=16MiB, size=16MiB\n')
        run('sync', [device])
        poke(path, 16 * MiB, readFileSync(good))
        // The loop device has its own view of the file's pages.
        run('blockdev', ['--flushbufs', device])
        await opens(device, { write: true })
      } finally {
        run('losetup', ['-d', device])
      }
      await opens(path, { write: true })
      await opens(path, { write: false, partition: 2 })
    })

    it('ends with the table when both its copies are damaged', async () => {
      copyFileSync(disk, at('damaged.img'))
      poke(at('damaged.img'), 512 + 60, Buffer.from([0xff]))
      poke(at('damaged.img'), 64 * MiB - 512 + 60, Buffer.from([0xff]))
      expect(await refusal(at('damaged.img'), { write: false })).to.include({ family: 'corrupt', exitCode: 6 })
    })
  })

  it('without permission says so', async function () {
    if (!isRoot) skip(this, 'needs root to become another user')
    needTools(this, 'setpriv')
    const path = copy('private.img')
    run('chmod', ['000', path])
    run('chmod', ['755', folder.path])
    const script = `import { openImage } from ${JSON.stringify(new URL('../../src/ext4/engine/open-image.ts', import.meta.url).href)}
      openImage(${JSON.stringify(path)}, { write: true }).catch((error) => console.log(error.code, error.exitCode))`
    const { stdout, stderr } = run(
      'setpriv',
      [
        '--reuid',
        '65534',
        '--regid',
        '65534',
        '--clear-groups',
        process.execPath,
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        script,
      ],
      { ok: [0, 1] },
    )
    if (!/\d/.test(stdout)) skip(this, `another user cannot run this checkout: ${stderr.split('\n')[0]}`)
    expect(stdout.trim()).to.equal('no-permission 5')
  })

  describe('as an engine', () => {
    it('claims what it can open, and what it can at least name', async () => {
      writeFileSync(at('notes.txt'), 'notes')
      writeFileSync(at('packed.gz'), Buffer.from([0x1f, 0x8b, 8, 0, 0]))
      const claimOf = (path: string, kind: 'file' | 'directory' | 'block-device' = 'file') =>
        imageEngine.claim({ given: path, path, kind })
      expect(await claimOf(good)).to.equal(claim.certain)
      expect(await claimOf(at('packed.gz'))).to.equal(claim.certain)
      expect(await claimOf(at('notes.txt'))).to.equal(claim.possible)
      expect(await claimOf(folder.path, 'directory')).to.equal(undefined)
    })

    it('leaves a mounted device to an engine for mounted filesystems', async function () {
      needLoopMounts(this)
      const path = copy('claimed.img')
      const device = run('losetup', ['-f', '--show', path]).stdout.trim()
      try {
        expect(await imageEngine.claim({ given: device, path: device, kind: 'block-device' })).to.equal(claim.certain)
        run('mount', [device, at('mnt')])
        expect(await imageEngine.claim({ given: device, path: device, kind: 'block-device' })).to.equal(claim.possible)
        run('umount', [at('mnt')])
      } finally {
        run('losetup', ['-d', device])
      }
    })
  })
})
