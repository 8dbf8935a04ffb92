import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { BootpackError } from '../../src/errors.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { openCommitter } from '../../src/ext4/commit/open-committer.js'
import { Transaction } from '../../src/ext4/commit/transaction.js'
import { blockRun } from '../../src/layout/run.js'
import { checkImage, makeImage } from '../support/images.js'
import { RecordingStore } from '../support/recording-store.js'
import { needTools, run, scratchFolder } from '../support/tools.js'

/** Groups of an image as dumpe2fs tells of them. */
function groups(path: string): { flags: string; free: number }[] {
  return run('dumpe2fs', [path])
    .stdout.split(/^Group \d+: /m)
    .slice(1)
    .map((text) => ({
      flags: /\[([A-Z_, ]+)\]/.exec(text)?.[1] ?? '',
      free: Number(/(\d+) free blocks/.exec(text)![1]),
    }))
}

describe('transaction', () => {
  const scratch = scratchFolder()
  const path = join(scratch.path, 'image')
  after(() => scratch.remove())
  before(function () {
    needTools(this, 'mke2fs', 'e2fsck', 'dumpe2fs')
  })

  async function commit(change: (transaction: Transaction) => Promise<void>): Promise<RecordingStore> {
    const store = new RecordingStore(readFileSync(path))
    const filesystem = await Filesystem.open(store)
    const committer = await openCommitter(filesystem)
    const transaction = new Transaction(filesystem)
    await change(transaction)
    await transaction.commit(committer)
    await committer.close()
    return store
  }

  const save = (store: RecordingStore): void =>
    writeFileSync(
      path,
      store.after(store.steps.length, 1024, () => true),
    )

  for (const features of [
    'uninit_bg,^metadata_csum,^64bit',
    'metadata_csum,64bit',
    'metadata_csum,^64bit,^flex_bg',
    'meta_bg,^resize_inode,metadata_csum',
  ]) {
    it(`makes the bitmap of a group that had none, and counts it: ${features}`, async () => {
      makeImage(path, { size: 64 << 20, blockSize: 1024, features })
      const before = groups(path)
      const unused = before.findLastIndex(({ flags }) => flags.includes('BLOCK_UNINIT'))
      const start = unused * 8192 + 1
      expect(unused).to.be.greaterThan(0)
      // Blocks that nobody owns: e2fsck must object to nothing but these.
      const store = await commit((transaction) => transaction.take(blockRun(start + 4000, 300)))
      save(store)
      const after = groups(path)
      expect(after.reduce((sum, { free }) => sum + free, 0)).to.equal(
        before.reduce((sum, { free }) => sum + free, 0) - 300,
      )
      expect(after[unused]!.flags).to.not.contain('BLOCK_UNINIT')
      expect(after[unused - 1]!.flags).to.equal(before[unused - 1]!.flags)
      const complaints = run('e2fsck', ['-fn', path], { ok: [4] })
        .stdout.split('\n')
        .filter((line) => /wrong|differences|corrupt|checksum|csum/i.test(line))
      expect(complaints.map((line) => line.trim())).to.deep.equal([
        `Block bitmap differences:  -(${start + 4000}--${start + 4299})`,
      ])

      const back = await commit((transaction) => transaction.release(blockRun(start + 4000, 300)))
      save(back)
      checkImage(path)
      expect(groups(path).map(({ free }) => free)).to.deep.equal(before.map(({ free }) => free))
    })
  }

  it('does not take what is in use, nor free what is free', async () => {
    makeImage(path, { size: 16 << 20, blockSize: 1024 })
    const image = readFileSync(path)
    for (const [what, change] of [
      ['taking fixed metadata', (transaction) => transaction.take(blockRun(1, 1))],
      [
        'taking twice',
        async (transaction) => {
          await transaction.take(blockRun(12000, 10))
          await transaction.take(blockRun(12009, 1))
        },
      ],
      ['freeing what is free', (transaction) => transaction.release(blockRun(12000, 10))],
    ] as [string, (transaction: Transaction) => Promise<void>][]) {
      let failure: unknown
      await commit(change).catch((error: unknown) => {
        failure = error
      })
      expect(failure, what).to.be.instanceOf(BootpackError)
      expect((failure as BootpackError).family).to.equal('corrupt')
    }
    expect(Buffer.compare(readFileSync(path), image)).to.equal(0)
  })

  it('writes nothing when nothing changes', async () => {
    makeImage(path, { size: 16 << 20, blockSize: 1024 })
    const store = await commit(() => Promise.resolve())
    expect(store.steps).to.deep.equal([])
  })
})
