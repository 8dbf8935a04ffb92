import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { fsBlock, type FsBlock } from '../../src/layout/block.js'
import { BootpackError } from '../../src/errors.js'
import { decodeJournalSuperblock } from '../../src/ext4/format/journal-superblock.js'
import { checkImage, debugfs, debugfsAll, debugfsWrite, hashFiles, makeImage } from '../support/images.js'
import { journalExtents, openJournal } from '../support/journal.js'
import { Random } from '../support/random.js'
import { RecordingStore } from '../support/recording-store.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'
import { loopMounted } from '../support/mount.js'

const mebibyte = 1 << 20

interface Variant {
  readonly name: string
  readonly blockSize: number
  readonly features?: string
  readonly more?: readonly string[]
  /** debugfs commands that give the journal its features. */
  readonly journal?: readonly string[]
  /** What dumpe2fs then says of them. */
  readonly shown: string
}

const variants: readonly Variant[] = [
  { name: 'a journal without features', shown: '(none)', blockSize: 4096, features: '^64bit,^metadata_csum' },
  {
    name: '64-bit tags',
    shown: 'journal_64bit',
    blockSize: 1024,
    features: '64bit,^metadata_csum',
    journal: ['jo', 'jc'],
  },
  {
    name: 'checksums v2',
    shown: 'journal_checksum_v2',
    blockSize: 1024,
    features: '^64bit,metadata_csum',
    journal: ['jo -c -v 2', 'jc'],
  },
  {
    name: 'checksums v2 and 64-bit tags',
    shown: 'journal_64bit journal_checksum_v2',
    blockSize: 4096,
    features: '64bit,metadata_csum',
    journal: ['jo -c -v 2', 'jc'],
  },
  {
    name: 'checksums v3',
    shown: 'journal_checksum_v3',
    blockSize: 1024,
    features: '^64bit,metadata_csum',
    journal: ['jo -c -v 3', 'jc'],
  },
  {
    name: 'checksums v3 and 64-bit tags',
    shown: 'journal_64bit journal_checksum_v3',
    blockSize: 4096,
    features: '64bit,metadata_csum',
    journal: ['jo -c -v 3', 'jc'],
  },
  {
    name: 'an area for fast commits',
    shown: 'journal_64bit journal_checksum_v3',
    blockSize: 4096,
    features: '64bit,metadata_csum,fast_commit',
    journal: ['jo -c -v 3', 'jc'],
  },
  {
    name: 'an indirect-mapped journal',
    shown: '(none)',
    blockSize: 1024,
    features: '^extent,^64bit,^metadata_csum,^flex_bg',
  },
]

/**
 * Two whole states of one filesystem, the second made from the first by debugfs:
 * the blocks they differ in are a transaction that we did not invent.
 */
class TwoStates {
  readonly a: Uint8Array
  readonly b: Uint8Array
  readonly aPath: string
  readonly bPath: string

  readonly folder: string
  readonly variant: Variant

  constructor(folder: string, variant: Variant) {
    this.folder = folder
    this.variant = variant
    this.aPath = join(folder, 'a.img')
    this.bPath = join(folder, 'b.img')
    const { blockSize } = variant
    // Contents that begin with the journal's magic number must be escaped in the log.
    const magic = Buffer.alloc(3 * blockSize, 'x')
    for (let block = 0; block < 3; block++) magic.writeUInt32BE(0xc03b3998, block * blockSize)
    writeFileSync(join(folder, 'plain'), Buffer.alloc(3 * blockSize, 'p'))
    writeFileSync(join(folder, 'magic'), magic)
    makeImage(this.aPath, {
      size: 24 * mebibyte,
      blockSize,
      ...(variant.features ? { features: variant.features } : {}),
      more: ['-J', 'size=4', ...(variant.more ?? [])],
    })
    debugfsWrite(this.aPath, [
      ...(variant.journal ?? []),
      ...Array.from({ length: 12 }, (_, i) => `mkdir dir${i}`),
      `write ${join(folder, 'plain')} kept`,
    ])
    const journalFeatures = /^Journal features: +(.*)$/m.exec(run('dumpe2fs', ['-h', this.aPath]).stdout)
    expect(journalFeatures?.[1]).to.equal(variant.shown)
    copyFileSync(this.aPath, this.bPath)
    debugfsWrite(this.bPath, [
      ...Array.from({ length: 30 }, (_, i) => `mkdir dir${i % 12}/more${i}`),
      `write ${join(folder, 'magic')} magic`,
      'rmdir dir11',
      'ln kept dir3/again',
      'sif kept links_count 2',
    ])
    checkImage(this.aPath)
    checkImage(this.bPath)
    this.a = readFileSync(this.aPath)
    this.b = readFileSync(this.bPath)
  }

  /** Blocks that turn one state into the other. */
  transaction(to: Uint8Array): Map<FsBlock, Uint8Array> {
    const { blockSize } = this.variant
    const blocks = new Map<FsBlock, Uint8Array>()
    for (let at = 0; at < to.length; at += blockSize) {
      const bytes = new Uint8Array(to.subarray(at, at + blockSize))
      if (
        Buffer.compare(bytes, this.a.subarray(at, at + blockSize)) === 0 &&
        Buffer.compare(bytes, this.b.subarray(at, at + blockSize)) === 0
      )
        continue
      blocks.set(fsBlock(at / blockSize), bytes)
    }
    return blocks
  }

  /** Replays with e2fsck, which must find nothing else to mend, and says which state came out. */
  recovered(image: Uint8Array): 'a' | 'b' {
    const path = join(this.folder, 'crashed.img')
    writeFileSync(path, image)
    run('e2fsck', ['-fy', path], { ok: [0, 1] })
    checkImage(path)
    const hashes = contentsOf(path)
    if (hashes === contentsOf(this.aPath)) return 'a'
    if (hashes === contentsOf(this.bPath)) return 'b'
    throw new Error(`neither of the two states:\n${hashes}`)
  }
}

const known = new Map<string, string>()

/** Names and contents of everything in an image. */
function contentsOf(path: string): string {
  const folders = ['/', ...Array.from({ length: 12 }, (_, i) => `/dir${i}`)]
  const make = (): string =>
    debugfsAll(
      path,
      folders.map((folder) => `ls -p ${folder}`),
    ) + JSON.stringify([...hashFiles(path)].sort())
  if (path.endsWith('crashed.img')) return make()
  if (!known.has(path)) known.set(path, make())
  return known.get(path)!
}

describe('journal', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())
  before(function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'dumpe2fs')
  })

  for (const variant of variants) {
    describe(`with ${variant.name}, ${variant.blockSize}-byte blocks`, () => {
      const folder = scratchFolder()
      let states: TwoStates
      before(() => {
        states = new TwoStates(folder.path, variant)
      })
      after(() => folder.remove())

      it('holds a transaction that e2fsck replays and debugfs reads', async () => {
        const store = new RecordingStore(states.a)
        const journal = await openJournal(store, states.aPath, variant.blockSize)
        const blocks = states.transaction(states.b)
        expect(blocks.size).to.be.greaterThan(8)
        await journal.commit(blocks)
        const committed = store.steps.findLastIndex((step) => step.kind === 'flush') + 1
        expect(committed).to.be.lessThan(store.steps.length)

        const crashed = store.after(committed, variant.blockSize, () => true)
        const path = join(folder.path, 'dump.img')
        writeFileSync(path, crashed)
        const log = debugfs(path, 'logdump')
        expect(log)
          .to.match(/type 1 \(descriptor block\)/)
          .and.match(/type 2 \(commit block\)/)
        expect(states.recovered(crashed)).to.equal('b')
        expect(states.recovered(store.after(committed - 1, variant.blockSize, () => false))).to.equal('a')
      })

      it('is closed as a clean unmount leaves it, with everything at home', async () => {
        const store = new RecordingStore(states.a)
        const journal = await openJournal(store, states.aPath, variant.blockSize)
        await journal.commit(states.transaction(states.b))
        await journal.close()
        expect(store.steps.at(-1)).to.deep.equal({ kind: 'flush' })
        const path = join(folder.path, 'crashed.img')
        writeFileSync(
          path,
          store.after(store.steps.length, variant.blockSize, () => true),
        )
        checkImage(path)
        expect(contentsOf(path)).to.equal(contentsOf(states.bPath))
        const header = run('dumpe2fs', ['-h', path]).stdout
        expect(header).to.not.contain('needs_recovery')
        expect(header).to.match(/Journal start: +0\n/)
      })

      it('recovers to a whole state from any crash among six transactions', async function () {
        this.timeout(120_000)
        const random = new Random(0x6a6f7572 + variants.indexOf(variant))
        const store = new RecordingStore(states.a)
        const journal = await openJournal(store, states.aPath, variant.blockSize)
        const order: ('a' | 'b')[] = ['b', 'a', 'b', 'a', 'b', 'a']
        const committedAt: number[] = []
        for (const state of order) {
          await journal.commit(states.transaction(state === 'a' ? states.a : states.b))
          committedAt.push(store.steps.findLastIndex((step) => step.kind === 'flush') + 1)
        }
        await journal.close()
        for (let round = 0; round < 6; round++) {
          const point = random.between(0, store.steps.length)
          const committed = committedAt.filter((at) => at <= point).length
          const expected = new Set<string>([committed === 0 ? 'a' : order[committed - 1]!])
          // Between a commit block's write and the flush behind it either state may come out.
          const issued = store.steps.slice(0, point).some((_, index) => index >= (committedAt[committed - 1] ?? 0))
          if (issued && committed < order.length) expected.add(order[committed]!)
          const state = states.recovered(store.crash(point, variant.blockSize, random))
          expect([...expected], `seed ${random.seed}, crash at step ${point} of ${store.steps.length}`).to.include(
            state,
          )
        }
      })
    })
  }

  it('goes around the end of the log', async function () {
    this.timeout(120_000)
    const folder = scratchFolder()
    try {
      const variant: Variant = {
        name: 'wrapping',
        shown: 'journal_checksum_v3',
        blockSize: 1024,
        features: '^64bit,metadata_csum',
        journal: ['jo -c -v 3', 'jc'],
        more: ['-J', 'size=1'],
      }
      const states = new TwoStates(folder.path, variant)
      const store = new RecordingStore(states.a)
      const journal = await openJournal(store, states.aPath, variant.blockSize)
      const [home] = journalExtents(states.aPath)
      const perTransaction = states.transaction(states.b).size
      const rounds = Math.ceil(1024 / perTransaction) + 2
      const logEnd = (home!.physical + 1024) * 1024
      let wrapped = 0
      for (let round = 0; round < rounds; round++) {
        const state = round % 2 === 0 ? 'b' : 'a'
        const before = store.steps.length
        await journal.commit(states.transaction(states[state]))
        const committed = store.steps.findLastIndex((step) => step.kind === 'flush') + 1
        const offsets = store.steps
          .slice(before, committed)
          .flatMap((step) =>
            step.kind === 'write' && step.offset < logEnd && step.offset > home!.physical * 1024 ? [step.offset] : [],
          )
        if (offsets.some((offset, index) => index > 0 && offset < offsets[index - 1]!)) {
          wrapped++
          expect(states.recovered(store.after(committed, 1024, () => false))).to.equal(state)
        }
      }
      expect(wrapped, 'transactions that lie at the end and at the beginning').to.equal(1)
      await journal.close()
    } finally {
      folder.remove()
    }
  })

  it('turns on 64-bit block numbers for a filesystem that needs them', async () => {
    const folder = scratchFolder()
    try {
      const states = new TwoStates(folder.path, variants[4]!)
      const store = new RecordingStore(states.a)
      const journal = await openJournal(store, states.aPath, 1024, 2 ** 33)
      await journal.commit(states.transaction(states.b))
      const committed = store.steps.findLastIndex((step) => step.kind === 'flush') + 1
      const crashed = store.after(committed, 1024, () => true)
      expect(states.recovered(crashed)).to.equal('b')
      writeFileSync(join(folder.path, 'wide.img'), crashed)
      expect(run('dumpe2fs', ['-h', join(folder.path, 'wide.img')]).stdout).to.match(
        /^Journal features: +journal_64bit journal_checksum_v3$/m,
      )
    } finally {
      folder.remove()
    }
  })

  it('is replayed by the kernel', async function () {
    this.timeout(120_000)
    needLoopMounts(this)
    for (const variant of variants) {
      const folder = scratchFolder()
      try {
        const states = new TwoStates(folder.path, variant)
        const store = new RecordingStore(states.a)
        const journal = await openJournal(store, states.aPath, variant.blockSize)
        await journal.commit(states.transaction(states.b))
        const committed = store.steps.findLastIndex((step) => step.kind === 'flush') + 1
        const path = join(folder.path, 'crashed.img')
        writeFileSync(
          path,
          store.after(committed, variant.blockSize, () => true),
        )
        loopMounted(path, () => undefined)
        checkImage(path)
        expect(contentsOf(path), variant.name).to.equal(contentsOf(states.bPath))
      } finally {
        folder.remove()
      }
    }
  })

  describe('refuses', () => {
    const image = join(scratch.path, 'refused.img')
    let good: Uint8Array
    let at: number
    before(() => {
      makeImage(image, { size: 24 * mebibyte, blockSize: 4096, features: 'metadata_csum', more: ['-J', 'size=4'] })
      good = readFileSync(image)
      at = journalExtents(image)[0]!.physical * 4096
    })

    const poke = async (offset: number, value: number): Promise<unknown> => {
      const bytes = new Uint8Array(good)
      new DataView(bytes.buffer).setUint32(at + offset, value)
      try {
        await openJournal(new RecordingStore(bytes), image, 4096)
      } catch (error) {
        return error
      }
      return undefined
    }

    for (const [what, offset, value, family] of [
      ['a wrong magic number', 0x0, 0, 'corrupt'],
      ['a record that is no superblock', 0x4, 2, 'corrupt'],
      ['another block size', 0xc, 1024, 'corrupt'],
      ['more blocks than its inode has', 0x10, 1 << 20, 'corrupt'],
      ['a log that begins beyond its end', 0x14, 1 << 20, 'corrupt'],
      ['a log that was not replayed', 0x1c, 1, 'refused'],
      ['a journal that the kernel gave up on', 0x20, -5 >>> 0, 'refused'],
      ['an unknown feature', 0x28, 0x100, 'unsupported'],
      ['two versions of checksums', 0x28, 0x18, 'corrupt'],
      ['a checksum that does not match', 0x28, 0x10, 'unsupported'],
    ] as const) {
      it(what, async () => {
        const error = await poke(offset, value)
        expect(error).to.be.instanceOf(BootpackError)
        expect((error as BootpackError).family).to.equal(family)
      })
    }
  })

  it('meets any superblock with a typed error or with sense', () => {
    const random = new Random(0x5b)
    const good = new Uint8Array(1024)
    const view = new DataView(good.buffer)
    ;[0xc03b3998, 4, 0, 1024, 4096, 1, 7, 0, 0, 0, 0, 0].forEach((word, index) => view.setUint32(index * 4, word))
    for (let round = 0; round < 3000; round++) {
      const bytes = new Uint8Array(good)
      const words = new DataView(bytes.buffer)
      for (let change = random.between(1, 3); change > 0; change--) {
        words.setUint32(
          random.below(24) * 4,
          random.pick([0, 1, 2, 0x10, 1023, 1024, 4095, 4096, 0x7fffffff, 0xffffffff, random.below(2 ** 32)]),
        )
      }
      try {
        const { first, end, start } = decodeJournalSuperblock(bytes, 1024, 4096)
        expect(
          1 <= first && first < end && end <= 4096 && (start === 0 || (first <= start && start < end)),
          `seed ${random.seed}, round ${round}`,
        ).to.equal(true)
      } catch (error) {
        expect(error, `seed ${random.seed}, round ${round}`).to.be.instanceOf(BootpackError)
      }
    }
  })

  it('flushes where the order matters, and nowhere else', async () => {
    const folder = scratchFolder()
    try {
      const states = new TwoStates(folder.path, variants[5]!)
      const store = new RecordingStore(states.a)
      const journal = await openJournal(store, states.aPath, 4096)
      const flushes: number[] = []
      for (const to of [states.b, states.a, states.b]) {
        await journal.commit(states.transaction(to))
        flushes.push(store.flushesBefore(store.steps.length))
      }
      await journal.close()
      flushes.push(store.flushesBefore(store.steps.length))
      expect(flushes).to.deep.equal([3, 5, 7, 10])
    } finally {
      folder.remove()
    }
  })

  it('takes nothing more after a failed write', async () => {
    const folder = scratchFolder()
    try {
      const states = new TwoStates(folder.path, variants[5]!)
      const store = new RecordingStore(states.a)
      const journal = await openJournal(store, states.aPath, 4096)
      let left = 7
      const write = store.write.bind(store)
      store.write = async (offset, bytes) => {
        if (left-- === 0) throw new Error('the disk is gone')
        await write(offset, bytes)
      }
      const blocks = states.transaction(states.b)
      let failure: unknown
      await journal.commit(blocks).catch((error: unknown) => {
        failure = error
      })
      expect(failure).to.be.an('error')
      const steps = store.steps.length
      await journal.close()
      expect(store.steps.length, 'writes after the failure').to.equal(steps)
      let refusal: unknown
      await journal.commit(blocks).catch((error: unknown) => {
        refusal = error
      })
      expect(refusal).to.be.instanceOf(BootpackError)
    } finally {
      folder.remove()
    }
  })
})
