import { expect } from 'chai'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BootpackError } from '../../src/errors.js'
import { FileStore } from '../../src/storage/file-store.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { ImageVolume } from '../../src/ext4/engine/image-volume.js'
import { fileBlock, fsBlock } from '../../src/layout/block.js'
import type { Move, MoveOutcome } from '../../src/volume/volume.js'
import { checkImage, debugfs, debugfsWrite, hashFiles, makeImage } from '../support/images.js'
import { needTools, run, scratchFolder } from '../support/tools.js'

describe('the last look before a round', () => {
  const folder = scratchFolder()
  const image = join(folder.path, 'image')
  after(() => {
    folder.remove()
  })

  beforeEach(function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'mkswap')
    const tree = join(folder.path, 'tree')
    mkdirSync(join(tree, 'boot/grub'), { recursive: true })
    for (const name of ['ordinary', 'other', 'boot/grub/core.img']) writeFileSync(join(tree, name), name.repeat(500))
    writeFileSync(join(tree, 'swapfile'), Buffer.alloc(65536, 1))
    run('mkswap', [join(tree, 'swapfile')])
    makeImage(image, { size: 16 << 20, blockSize: 1024, features: '^metadata_csum', tree })
    debugfsWrite(image, ['set_inode_field swapfile uid 0'])
  })

  async function round(moves: (volume: ImageVolume) => Promise<Move[]>, look = false): Promise<MoveOutcome[]> {
    const volume = await ImageVolume.open(await Filesystem.open(await FileStore.open(image, { writable: true })))
    try {
      if (look) await volume.owners({ start: fsBlock(1), length: 100 })
      const outcomes: MoveOutcome[] = []
      for await (const outcome of volume.relocate(await moves(volume), { reserved: [] })) outcomes.push(outcome)
      return outcomes
    } finally {
      await volume.close()
    }
  }

  /** The first extent of a file, to a free place `apart` blocks behind the first large enough one. */
  async function moveOf(volume: ImageVolume, path: string, apart: number): Promise<Move> {
    const { file } = (await volume.lookup(path))!
    const [first] = await volume.extents(file)
    const free = (await volume.freeRuns(fsBlock(0), fsBlock(16384))).find(({ length }) => length > 1000)!
    return {
      inode: file.inode,
      path,
      kind: 'data',
      logical: fileBlock(0),
      length: first!.length,
      from: first!.physical,
      to: fsBlock(free.start + apart),
    }
  }

  it("lets ordinary files go and keeps the boot loader's and swap files", async () => {
    const before = hashFiles(image)
    const outcomes = await round(async (volume) =>
      Promise.all(['/ordinary', '/boot/grub/core.img', '/swapfile'].map((path, i) => moveOf(volume, path, i * 200))),
    )
    expect(new Map(outcomes.map(({ move, status, reason }) => [move.path, reason ?? status]))).to.deep.equal(
      new Map([
        ['/ordinary', 'moved'],
        ['/boot/grub/core.img', 'boot-loader'],
        ['/swapfile', 'swap-file'],
      ]),
    )
    checkImage(image)
    expect(hashFiles(image)).to.deep.equal(before)
  })

  const bmap = (path: string, n: number): number => Number(debugfs(image, `bmap ${path} ${n}`).trim())

  for (const look of [false, true]) {
    it(`refuses a target that a file owns although it is marked free${look ? ', after looking at owners elsewhere' : ''}`, async () => {
      const block = bmap('/other', 0)
      debugfsWrite(image, [`freeb ${block} 2`])
      const bytes = readFileSync(image)
      const error = await round(
        async (volume) => [{ ...(await moveOf(volume, '/ordinary', 0)), length: 1, to: fsBlock(block + 1) }],
        look,
      ).then(
        () => undefined,
        (reason: unknown) => reason as BootpackError,
      )
      expect([error?.family, error?.code, error?.message]).to.deep.equal([
        'refused',
        'marked-free',
        `Block ${block + 1} belongs to a file but is marked free.`,
      ])
      expect(readFileSync(image).equals(bytes), 'nothing is written').to.equal(true)
    })
  }

  it('refuses a source that two files own, and not a file elsewhere', async () => {
    const block = bmap('/other', 0)
    debugfsWrite(image, [`set_inode_field boot/grub/core.img block[5] ${block}`])
    const error = await round(async (volume) => [await moveOf(volume, '/other', 0)]).then(
      () => undefined,
      (reason: unknown) => reason as BootpackError,
    )
    expect([error?.family, error?.code]).to.deep.equal(['refused', 'multiply-claimed'])
    expect((await round(async (volume) => [await moveOf(volume, '/ordinary', 0)]))[0]?.status).to.equal('moved')
  })
})
