/**
 * Random calls against a model that knows only the mail: each file is a row
 * of holes and blocks with a text each. debugfs says what became of it, e2fsck whether
 * it is whole.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ALLOC_CONTIGUOUS, ALLOC_FIXED_LEN, ALLOC_FIXED_START, allocate } from '../../src/blocks/allocate.js'
import type { BlockSpace, SpaceFile } from '../../src/volume/block-space.js'
import { openBlockSpace } from '../../src/blocks/open-space.js'
import { movedata } from '../../src/blocks/movedata.js'
import { BootpackError } from '../../src/errors.js'
import { FileStore } from '../../src/storage/file-store.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { ImageVolume } from '../../src/ext4/engine/image-volume.js'
import type { Store } from '../../src/storage/store.js'
import type { Extent } from '../../src/layout/extent.js'
import { checkImage } from '../support/images.js'
import { Random } from '../support/random.js'
import { ext3Features } from '../support/varied-image.js'
import { RecordingStore } from '../support/recording-store.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'
import {
  dataBlocks,
  inodeNumber,
  layoutInImage,
  liveStage,
  makeStageImage,
  names,
  type Name,
  type StageOptions,
} from './stage.js'

/** Per file block: undefined for a hole, else whether the block is written (with what was there at first) or reads as zeros. */
type Row = ('text' | 'zeros' | undefined)[]

interface Model {
  readonly rows: Record<Name, Row>
  /** Blocks; the last may be half full. */
  readonly sizes: Record<Name, number>
  /** The files are mapped by indirect blocks. */
  readonly mapped: boolean
}

const isMapped = ({ features = '' }: StageOptions): boolean => features.includes('^extent')

const firstModel = (mapped = false): Model => ({
  mapped,
  rows: {
    data: Array.from({ length: dataBlocks }, (_, i) => (i >= 8 && i < 12 ? undefined : 'text')),
    space: [],
    other: ['text', 'text', 'text'],
  },
  sizes: { data: dataBlocks - 0.5, space: 0, other: 3 },
})

function expectedBytes(model: Model, name: Name, first: Buffer, blockSize: number): Buffer {
  const bytes = Buffer.alloc(model.sizes[name] * blockSize)
  model.rows[name].forEach((block, i) => {
    if (block === 'text') first.copy(bytes, i * blockSize, i * blockSize, (i + 1) * blockSize)
  })
  return bytes
}

async function randomCalls(
  space: BlockSpace,
  open: (name: Name) => Promise<SpaceFile>,
  model: Model,
  random: Random,
  calls: number,
): Promise<void> {
  const { blockSize, blockCount, firstDataBlock } = space.geometry()
  for (let call = 0; call < calls; call++) {
    const [one, two] = random.shuffled(names)
    const file = await open(one!)
    const from = random.below(dataBlocks)
    const length = random.between(1, 6)
    if (random.chance(0.6)) {
      const mode = random.pick([
        0,
        ALLOC_FIXED_LEN,
        ALLOC_CONTIGUOUS,
        ALLOC_FIXED_START,
        ALLOC_FIXED_START | ALLOC_FIXED_LEN | ALLOC_CONTIGUOUS,
      ])
      file.position = from * blockSize
      const busy = model.rows[one!].slice(from, from + length).some((block) => block !== undefined)
      try {
        const got =
          (await allocate(file, mode, random.between(firstDataBlock, blockCount - 1) * blockSize, length * blockSize)) /
          blockSize
        expect(busy, 'allocated over blocks').to.equal(false)
        for (let i = from; i < from + got; i++) model.rows[one!][i] = 'zeros'
        model.sizes[one!] = Math.max(model.sizes[one!], from + got)
      } catch (error) {
        if (!(error instanceof BootpackError)) throw error
        // A mounted filesystem cannot always give what is free.
        expect(error.code, error.message).to.be.oneOf(
          busy ? ['EEXIST'] : space.trees ? ['ENOSPC'] : ['ENOSPC', 'EBUSY'],
        )
      }
    } else {
      const other = await open(two!)
      const end = Math.min(from + length, Math.ceil(model.sizes[one!]))
      if (end <= from) continue
      const holes = random.pick(['make', 'leave'] as const)
      await movedata(file, other, from * blockSize, (end - from) * blockSize, { holes })
      for (let i = from; i < end; i++) {
        const given = model.rows[two!][i]
        if (given === undefined && holes === 'leave') continue
        model.rows[one!][i] = given === undefined ? undefined : (model.rows[one!][i] ?? 'zeros')
        delete model.rows[two!][i]
      }
    }
  }
}

type Oracle = (name: Name) => { readonly layout: readonly Extent[]; readonly content: Buffer }

function expectModel(oracle: Oracle, model: Model, first: Record<Name, Buffer>, blockSize: number): void {
  for (const name of names) {
    const { layout, content } = oracle(name)
    const mapped = new Map(
      layout.flatMap(({ logical, length, unwritten }) =>
        Array.from({ length }, (_, i): [number, boolean] => [logical + i, unwritten]),
      ),
    )
    const rows = model.rows[name]
    for (let i = 0; i < Math.max(rows.length, ...mapped.keys()); i++) {
      const now = mapped.get(i)
      // A block map cannot say that a block was never written; its contents are zeros then.
      const found = now === undefined ? undefined : model.mapped ? (rows[i] ?? 'text') : now ? 'zeros' : 'text'
      expect(found, `block ${i} of ${name}`).to.equal(rows[i])
    }
    expect(content.equals(expectedBytes(model, name, first[name], blockSize)), `contents of ${name}`).to.equal(true)
  }
}

const varieties: readonly StageOptions[] = [
  {},
  { blockSize: 1024 },
  { blockSize: 1024, features: '^metadata_csum,uninit_bg,^64bit', more: ['-g', '1024'] },
  { blockSize: 2048, features: '^metadata_csum,^uninit_bg,^64bit,^flex_bg' },
  { blockSize: 1024, features: ext3Features },
  { blockSize: 4096, features: '^extent,^64bit,metadata_csum' },
]

describe('random calls on an image', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())
  before(function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck')
  })

  const imageOracle =
    (image: string): Oracle =>
    (name) => {
      const dump = join(scratch.path, `dump-${name}`)
      run('debugfs', ['-R', `dump /${name} ${dump}`, image])
      return { layout: layoutInImage(image, `/${name}`), content: readFileSync(dump) }
    }

  const openImage = async (store: Store): Promise<{ space: BlockSpace; close: () => Promise<void> }> => {
    const volume = await ImageVolume.open(await Filesystem.open(store))
    return { space: openBlockSpace(volume), close: () => volume.close() }
  }

  const firstBytes = (image: string): Record<Name, Buffer> =>
    Object.fromEntries(
      names.map((name) => {
        run('debugfs', ['-R', `dump /${name} ${join(scratch.path, 'first')}`, image])
        return [name, readFileSync(join(scratch.path, 'first'))]
      }),
    ) as Record<Name, Buffer>

  varieties.forEach((variety, index) => {
    it(`leave what the mail says: ${JSON.stringify(variety)}`, async () => {
      const fresh = join(scratch.path, `fresh${index}.img`)
      makeStageImage(fresh, variety)
      const first = firstBytes(fresh)
      for (let round = 0; round < 2; round++) {
        const seed = 1000 * index + round
        const image = join(scratch.path, 'played.img')
        copyFileSync(fresh, image)
        const model = firstModel(isMapped(variety))
        try {
          const { space, close } = await openImage(await FileStore.open(image, { writable: true }))
          await randomCalls(space, (name) => space.open(inodeNumber(image, `/${name}`)), model, new Random(seed), 40)
          await close()
          checkImage(image)
          expectModel(imageOracle(image), model, first, variety.blockSize ?? 4096)
        } catch (error) {
          if (error instanceof Error) error.message = `seed ${seed}: ${error.message}`
          throw error
        }
      }
    })
  })

  for (const features of ['metadata_csum', ext3Features])
    it(`lose nothing when cut off at any write: ${features}`, async function () {
      this.timeout(120_000)
      const mapped = isMapped({ features })
      const seed = 77
      const random = new Random(seed)
      const fresh = join(scratch.path, 'fresh-crash.img')
      const blockSize = 1024
      makeStageImage(fresh, { blockSize, features, size: 4 << 20, more: ['-J', 'size=1', '-N', '64'] })
      const first = firstBytes(fresh)
      const store = new RecordingStore(readFileSync(fresh))
      // What may be found, and after how many steps first and last.
      const states: { readonly from: number; until: number; readonly model: Model }[] = []
      const model = firstModel(mapped)
      let began = 0
      const became = (now: number): void => {
        states.push({ from: began, until: Infinity, model: structuredClone(model) })
        began = now
      }
      const call = async (work: () => Promise<unknown>, effect: () => void): Promise<void> => {
        await work()
        // Once a call has returned, the state before it is gone.
        const now = store.steps.length
        for (const state of states) state.until = Math.min(state.until, now)
        effect()
        became(now)
      }
      became(0)
      const { space, close } = await openImage(store)
      const [data, spare, other] = [
        await space.open(inodeNumber(fresh, '/data')),
        await space.open(inodeNumber(fresh, '/space')),
        await space.open(inodeNumber(fresh, '/other')),
      ]
      for (let turn = 0; turn < 2; turn++) {
        const from = random.below(dataBlocks - 6)
        spare.position = from * blockSize
        await call(
          () => allocate(spare, ALLOC_FIXED_LEN, random.between(500, 3000) * blockSize, 6 * blockSize),
          () => {
            for (let i = from; i < from + 6; i++) model.rows.space[i] = 'zeros'
            model.sizes.space = Math.max(model.sizes.space, from + 6)
          },
        )
        if (mapped) {
          const given = structuredClone(model)
          for (let i = from; i < from + 6; i++) delete given.rows.space[i]
          states.push({ from: began, until: Infinity, model: given })
        }
        await call(
          () => movedata(data, spare, from * blockSize, 6 * blockSize),
          () => {
            for (let i = from; i < from + 6; i++) {
              model.rows.data[i] ??= 'zeros'
              delete model.rows.space[i]
            }
          },
        )
      }
      // Space that holds something reads as zeros before it receives anything of the data's; under a block map it is given up.
      const blank = structuredClone(model)
      if (mapped) blank.rows.other.splice(0, 3)
      else blank.rows.other.fill('zeros')
      states.push({ from: began, until: Infinity, model: blank })
      await call(
        () => movedata(data, other, 0, 3 * blockSize),
        () => {
          model.rows.other.splice(0, 3)
        },
      )
      await close()

      let points = 0
      for (let point = 0; point <= store.steps.length; point++) {
        const image = join(scratch.path, 'crashed.img')
        writeFileSync(image, store.crash(point, blockSize, random))
        run('e2fsck', ['-fp', '-E', 'journal_only', image], { ok: [0, 1] })
        checkImage(image)
        const allowed = states.filter(({ from, until }) => from <= point && point <= until)
        const problems: string[] = []
        for (const { model: state } of allowed) {
          try {
            expectModel(imageOracle(image), state, first, blockSize)
          } catch (error) {
            problems.push((error as Error).message)
          }
        }
        expect(problems.length, `seed ${seed}, point ${point}: ${problems.join('; ')}`).to.be.below(allowed.length)
        points++
      }
      expect(points).to.be.above(30)
    })
})

describe('random calls on a mounted filesystem', () => {
  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'filefrag', 'e2fsck')
  })

  for (const [index, variety] of [{}, { blockSize: 1024 }].entries()) {
    it(`leave what the mail says: ${JSON.stringify(variety)}`, async () => {
      const stage = await liveStage(variety)
      const seed = 9000 + index
      try {
        const first = Object.fromEntries(
          await Promise.all(names.map(async (name) => [name, await stage.content(name)])),
        ) as Record<Name, Buffer>
        const model = firstModel()
        await randomCalls(stage.space, stage.open, model, new Random(seed), 60)
        const seen = new Map(
          await Promise.all(
            names.map(
              async (name) => [name, { layout: await stage.layout(name), content: await stage.content(name) }] as const,
            ),
          ),
        )
        expectModel((name) => seen.get(name)!, model, first, stage.blockSize)
      } catch (error) {
        if (error instanceof Error) error.message = `seed ${seed}: ${error.message}`
        throw error
      } finally {
        await stage.finish()
      }
    })
  }

  it('lose nothing of what somebody writes meanwhile', async () => {
    const stage = await liveStage()
    try {
      const bs = stage.blockSize
      const path = stage.path!('data')
      // Writes block after block, each with a number of its own, and tells at the end what it wrote last where.
      const writer = spawn(
        process.execPath,
        [
          '-e',
          `
        const { openSync, writeSync, fsyncSync } = require('node:fs')
        const file = openSync(${JSON.stringify(path)}, 'r+')
        const last = new Array(${dataBlocks}).fill(0)
        let count = 0
        const end = Date.now() + 3000
        while (Date.now() < end) {
          const block = Math.floor(Math.random() * ${dataBlocks})
          last[block] = ++count
          writeSync(file, Buffer.alloc(${bs}, 'write ' + count + ' '), 0, ${bs}, block * ${bs})
          if (count % 64 === 0) fsyncSync(file)
        }
        process.stdout.write(JSON.stringify(last))
      `,
        ],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      let told = ''
      writer.stdout.on('data', (data: Buffer) => {
        told += data.toString()
      })
      const ended = new Promise((resolve) => writer.once('close', resolve))
      const data = await stage.open('data')
      const space = await stage.open('space')
      const { blockCount } = stage.space.geometry()
      const random = new Random(31)
      let moved = 0
      while (writer.exitCode === null) {
        try {
          space.position = 0
          await allocate(space, ALLOC_FIXED_LEN, random.between(1, blockCount - 1) * bs, dataBlocks * bs)
        } catch (error) {
          if (!(error instanceof BootpackError && ['EEXIST', 'EBUSY'].includes(error.code))) throw error
        }
        try {
          await movedata(data, space, 0, dataBlocks * bs)
          moved++
        } catch (error) {
          if (!(error instanceof BootpackError && error.code === 'EBUSY')) throw error
          // What it left in the space file is in the way of the next turn.
          truncateSync(stage.path!('space'), 0)
        }
        await new Promise((resolve) => setImmediate(resolve))
      }
      await ended
      expect(moved, 'times the file moved').to.be.above(3)
      const content = await stage.content('data')
      for (const [block, count] of (JSON.parse(told) as number[]).entries()) {
        if (count > 0)
          expect(
            content.subarray(block * bs, (block + 1) * bs).equals(Buffer.alloc(bs, `write ${count} `)),
            `block ${block}`,
          ).to.equal(true)
      }
    } finally {
      await stage.finish()
    }
  })
})
