import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { BootpackError } from '../../src/errors.js'
import { FileStore } from '../../src/storage/file-store.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { ImageVolume } from '../../src/ext4/engine/image-volume.js'
import { PartitionStore } from '../../src/storage/partition-store.js'
import type { Store } from '../../src/storage/store.js'
import { UndoStore } from '../../src/ext4/undo/recording-store.js'
import { checkImage, hashFiles, makeImage } from '../support/images.js'
import { Random } from '../support/random.js'
import { randomMoves } from '../support/random-moves.js'
import { RecordingStore } from '../support/recording-store.js'
import { needTools, run, scratchFolder } from '../support/tools.js'
import { ext3Features, makeVariedImage, type Variety } from '../support/varied-image.js'

const varieties: readonly Variety[] = [
  { name: '1 KiB blocks, no journal', blockSize: 1024, features: '^has_journal', deepExtents: 200 },
  {
    name: '4 KiB blocks, no journal, no checksums',
    blockSize: 4096,
    features: '^has_journal,^metadata_csum',
    deepExtents: 200,
  },
  { name: 'ext2, 1 KiB blocks', blockSize: 1024, features: `^has_journal,${ext3Features}`, deepExtents: 200 },
  { name: 'ext2, 4 KiB blocks', blockSize: 4096, features: `^has_journal,${ext3Features}`, deepExtents: 200 },
  { name: '64 KiB blocks, no journal', blockSize: 65536, size: 64, features: '^has_journal' },
  { name: '4 KiB blocks and a journal', blockSize: 4096, deepExtents: 200 },
]

/** Moves things about. @returns how many moves were made */
async function scatter(store: Store, random: Random, rounds = 3): Promise<number> {
  const volume = await ImageVolume.open(await Filesystem.open(store))
  let moved = 0
  for (let round = 0; round < rounds; round++) {
    for await (const { status } of volume.relocate(await randomMoves(volume, random, 60), { reserved: [] }))
      if (status === 'moved') moved++
  }
  await volume.close()
  return moved
}

describe('undo file', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())
  before(function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'e2undo', 'dumpe2fs')
  })

  for (const [index, variety] of varieties.entries()) {
    it(`is played back by e2undo to the very bytes there were: ${variety.name}`, async function () {
      this.timeout(120_000)
      const path = join(scratch.path, `undo${index}.img`)
      const undo = join(scratch.path, `undo${index}.e2undo`)
      makeVariedImage(path, variety, 60 + index)
      const before = readFileSync(path)
      const hashes = hashFiles(path)
      const store = await UndoStore.create(await FileStore.open(path, { writable: true }), undo)
      expect(await scatter(store, new Random(60 + index))).to.be.greaterThan(50)
      checkImage(path)
      expect(hashFiles(path)).to.deep.equal(hashes)
      expect(Buffer.compare(readFileSync(path), before)).to.not.equal(0)
      run('e2undo', [undo, path])
      expect(Buffer.compare(readFileSync(path), before), 'bytes that differ').to.equal(0)
    })
  }

  it('knows where on the disk the filesystem begins', async () => {
    const inside = join(scratch.path, 'inside.img')
    makeVariedImage(inside, varieties[0]!, 70)
    const path = join(scratch.path, 'partitioned.img')
    const start = 3 * 512 * 1024 + 512
    const disk = Buffer.concat([Buffer.alloc(start, 'before'), readFileSync(inside), Buffer.alloc(5000, 'behind')])
    writeFileSync(path, disk)
    const file = await FileStore.open(path, { writable: true })
    const partition = new PartitionStore(file, start, disk.length - start - 5000)
    const undo = join(scratch.path, 'partitioned.e2undo')
    const store = await UndoStore.create(partition, undo, start)
    expect(await scatter(store, new Random(70))).to.be.greaterThan(50)
    expect(Buffer.compare(readFileSync(path), disk)).to.not.equal(0)
    run('e2undo', [undo, path])
    expect(Buffer.compare(readFileSync(path), disk)).to.equal(0)
  })

  it('holds more keys than one block of them and contents longer than one key', async () => {
    const path = join(scratch.path, 'keys.img')
    makeImage(path, { size: 32 << 20, blockSize: 1024 })
    const before = readFileSync(path)
    const undo = join(scratch.path, 'keys.e2undo')
    const store = await UndoStore.create(await FileStore.open(path, { writable: true }), undo)
    for (let i = 0; i < 700; i++) await store.write(8_000_000 + i * 9_000, Buffer.alloc(10, 'scattered'))
    await store.write(20_000_000, Buffer.alloc(5_000_000, 'long'))
    await store.write((32 << 20) - 100, Buffer.alloc(100, 'end'))
    const back = Buffer.alloc(9)
    await store.read(8_000_000 + 9_000 * 699, back)
    expect(back.toString()).to.equal('scattered')
    await store.close()
    const dumped = run('e2undo', ['-h', undo, path], { ok: [1] }).stdout
    expect(Number(/nr keys:\s+(\d+)/.exec(dumped)![1])).to.be.greaterThan(512)
    run('e2undo', [undo, path])
    expect(Buffer.compare(readFileSync(path), before)).to.equal(0)
  })

  it('takes back a change that was cut off anywhere', async function () {
    this.timeout(120_000)
    const random = new Random(0x0d0)
    const path = join(scratch.path, 'cut.img')
    const undoPath = join(scratch.path, 'cut.e2undo')
    makeVariedImage(path, { name: '', blockSize: 1024, size: 12, features: '^has_journal', deepExtents: 100 }, 80)
    const before = readFileSync(path)
    // Two disks, each with flushes of its own; the order of the steps of both is kept.
    const image = new RecordingStore(before)
    const undo = new RecordingStore(Buffer.alloc(24 << 20))
    const order: [image: number, undo: number][] = [[0, 0]]
    for (const store of [image, undo]) {
      const push = store.steps.push.bind(store.steps)
      store.steps.push = (...steps) => {
        const length = push(...steps)
        order.push([image.steps.length, undo.steps.length])
        return length
      }
    }
    await scatter(await UndoStore.over(image, undo), random, 4)
    let undone = 0
    for (let round = 0; round < 25; round++) {
      const [imageSteps, undoSteps] = random.pick(order.slice(5))
      const crashed = image.crash(imageSteps, 1024, random)
      writeFileSync(path, crashed)
      writeFileSync(undoPath, undo.crash(undoSteps, 4096, random))
      const touched = Buffer.compare(crashed, before) !== 0
      const { status, stdout, stderr } = run('e2undo', ['-f', undoPath, path], { ok: [0, 1] })
      if (status !== 0 && !touched) continue
      expect(status, `step ${imageSteps}/${undoSteps}: ${stdout}${stderr}`).to.equal(0)
      undone++
      // An unfinished undo file makes e2undo ask for a check by a flag in the superblock.
      const now = readFileSync(path)
      now.copy(before, 1024, 1024, 2048)
      expect(
        Buffer.compare(now, before),
        `seed ${random.seed}, step ${imageSteps} of the image, ${undoSteps} of the undo file`,
      ).to.equal(0)
      run('e2fsck', ['-fy', path], { ok: [0, 1] })
      checkImage(path)
    }
    expect(undone).to.be.greaterThan(15)
  })

  it('is never written over another file', async () => {
    const path = join(scratch.path, 'precious.e2undo')
    writeFileSync(path, 'precious')
    const store = new RecordingStore(Buffer.alloc(1 << 20))
    let refusal: unknown
    await UndoStore.create(store, path).catch((error: unknown) => {
      refusal = error
    })
    expect(refusal).to.be.instanceOf(BootpackError).with.property('code', 'undo-file-exists')
    expect(readFileSync(path, 'utf8')).to.equal('precious')
  })

  it('comes before the change: nothing is overwritten that it could not keep', async () => {
    const image = new RecordingStore(Buffer.alloc(1 << 20, 1))
    const target = new RecordingStore(Buffer.alloc(1 << 20))
    const store = await UndoStore.over(image, target)
    target.write = () => Promise.reject(new Error('disk full'))
    await store.write(100_000, Buffer.alloc(5000, 2))
    let failure: unknown
    await store.flush().catch((error: unknown) => {
      failure = error
    })
    expect(failure).to.be.an('error').with.property('message', 'disk full')
    expect(image.steps).to.deep.equal([])
    await store.close()
    expect(image.steps).to.deep.equal([])
  })
})
