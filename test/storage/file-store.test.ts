import { expect } from 'chai'
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BootpackError } from '../../src/errors.js'
import { FileStore, findEnd } from '../../src/storage/file-store.js'
import { makeImage } from '../support/images.js'
import { Random } from '../support/random.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'

const failure = async (promise: Promise<unknown>): Promise<BootpackError> => {
  try {
    await promise
  } catch (error) {
    return error as BootpackError
  }
  throw new Error('it did not fail')
}

describe('a store over a file', () => {
  const folder = scratchFolder()
  const path = join(folder.path, 'file')
  after(() => {
    folder.remove()
  })

  it('reads and writes at any place, also beyond 4 GiB', async () => {
    const descriptor = openSync(path, 'w')
    ftruncateSync(descriptor, 5 * 2 ** 30)
    closeSync(descriptor)
    const store = await FileStore.open(path, { writable: true })
    const random = new Random(3)
    const bytes = Uint8Array.from({ length: 70_000 }, () => random.below(256))
    const at = 4 * 2 ** 30 + 12_345
    await store.write(at, bytes)
    await store.flush()
    const back = new Uint8Array(bytes.length)
    await store.read(at, back)
    expect(back).to.deep.equal(bytes)
    expect(store.size).to.equal(5 * 2 ** 30)
    await store.close()
  })

  it('refuses to read or write past the end', async () => {
    writeFileSync(path, 'x'.repeat(1000))
    const store = await FileStore.open(path, { writable: true })
    const error = await failure(store.read(900, new Uint8Array(200)))
    expect([error.family, error.message]).to.deep.equal([
      'io',
      `${path}: ends at byte 1000, before what was to be read`,
    ])
    expect((await failure(store.write(990, new Uint8Array(20)))).family).to.equal('io')
    await store.close()
    expect(readFileSync(path, 'utf8')).to.equal('x'.repeat(1000))
  })

  it('opened for reading does not write', async () => {
    const store = await FileStore.open(path)
    expect((await failure(store.write(0, new Uint8Array(1)))).message).to.include('reading only')
    await store.flush()
    await store.close()
  })

  it('says what is wrong with what it cannot open', async () => {
    mkdirSync(join(folder.path, 'folder'))
    symlinkSync('nothing', join(folder.path, 'dangling'))
    run('mkfifo', [join(folder.path, 'fifo')])
    for (const [name, code] of [
      ['missing', 'no-such-target'],
      ['file/below', 'no-such-target'],
      ['dangling', 'no-such-target'],
      ['folder', 'not-an-image'],
      ['fifo', 'not-an-image'],
    ]) {
      const error = await failure(FileStore.open(join(folder.path, name!)))
      expect([error.family, error.code], name).to.deep.equal(['usage', code])
    }
    expect((await failure(FileStore.open(join(folder.path, 'folder'), { writable: true }))).code).to.equal(
      'not-an-image',
    )
  })

  it('finds the end of what does not tell its size', async () => {
    for (const sectors of [0, 1, 2, 3, 7, 8, 9, 1000, 4096, 123_457]) {
      expect(await findEnd((offset) => Promise.resolve(offset + 512 <= sectors * 512))).to.equal(sectors * 512)
    }
  })
})

describe('a store over a block device', () => {
  const folder = scratchFolder()
  after(() => {
    folder.remove()
  })

  it('knows its size, and is not opened for writing while it is mounted', async function () {
    needLoopMounts(this)
    needTools(this, 'losetup', 'mke2fs', 'mount')
    const image = join(folder.path, 'image')
    makeImage(image, { size: 8 << 20 })
    const device = run('losetup', ['--find', '--show', image]).stdout.trim()
    try {
      const store = await FileStore.open(device, { writable: true })
      expect(store.size).to.equal(8 << 20)
      expect(store.identity.blockDevice).to.equal(true)
      const bytes = new Uint8Array(1024)
      await store.read(1024, bytes)
      expect(Buffer.from(bytes).readUInt16LE(0x38)).to.equal(0xef53)
      await store.write(1024, bytes)
      await store.flush()
      await store.close()
      const mounted = join(folder.path, 'mounted')
      mkdirSync(mounted)
      run('mount', [device, mounted])
      try {
        const error = await failure(FileStore.open(device, { writable: true }))
        expect([error.family, error.code, error.exitCode]).to.deep.equal(['refused', 'in-use', 5])
        await (await FileStore.open(device)).close()
      } finally {
        run('umount', [mounted])
      }
    } finally {
      run('losetup', ['--detach', device])
    }
  })
})
