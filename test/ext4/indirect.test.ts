import {
  closeSync,
  copyFileSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { mergeExtents, extent, type Extent } from '../../src/layout/extent.js'
import { fsBlock, type FsBlock } from '../../src/layout/block.js'
import { FileStore } from '../../src/storage/file-store.js'
import { directBlocks, homeOf, mostFileBlocks, positionsOver, spanOf } from '../../src/ext4/format/block-map.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { findFreeRuns } from '../../src/ext4/read/free-runs.js'
import { readFileMap } from '../../src/ext4/read/file-map.js'
import { readIndirectMap } from '../../src/ext4/read/indirect-map.js'
import { changedRanges, MapChange } from '../../src/ext4/relocate/indirect-map.js'
import { planInode } from '../../src/ext4/relocate/inode.js'
import { readInodeState, type InodeState } from '../../src/ext4/relocate/place.js'
import { TreeRoom } from '../../src/ext4/relocate/room.js'
import { checkImage, debugfs, hashFiles, makeImage } from '../support/images.js'
import { loopMounted } from '../support/mount.js'
import { Random } from '../support/random.js'
import { RecordingStore } from '../support/recording-store.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'
import { ext3Features, makeVariedImage, type Variety } from '../support/varied-image.js'

const launcher = new URL('../../bin/bootpack.js', import.meta.url).pathname
const bootpack = (args: readonly string[], ok: readonly number[] = [0]): { stdout: string; stderr: string } =>
  run(process.execPath, [launcher, ...args], { ok })

describe('block maps', () => {
  it('have a place for every file block, as counted one by one', () => {
    const blockSize = 16
    const perBlock = 4
    // What a reader meets on the way down, written out.
    const expected = new Map<number, { level: number; logical: number }[]>()
    let next = 12
    const walk = (level: number, above: { level: number; logical: number }[]): void => {
      const here = { level, logical: next }
      for (let i = 0; i < perBlock; i++) {
        if (level === 1) expected.set(next++, [here, ...above])
        else walk(level - 1, [here, ...above])
      }
    }
    for (const level of [1, 2, 3]) walk(level, [])
    expect(mostFileBlocks(blockSize)).to.equal(next)
    for (let logical = 0; logical < next; logical++) {
      const over = positionsOver(logical, blockSize)
      expect(over, `file block ${logical}`).to.deep.equal(expected.get(logical) ?? [])
      for (const [index, position] of over.entries()) {
        const { parent, word } = homeOf(position, blockSize)
        expect(parent, `above level ${position.level} of file block ${logical}`).to.deep.equal(over[index + 1])
        if (!parent) expect(word).to.equal(directBlocks + position.level - 1)
        else expect(parent.logical + word * perBlock ** position.level).to.equal(position.logical)
        expect(logical - position.logical).to.be.within(0, spanOf(position, blockSize).length - 1)
      }
    }
    expect(() => positionsOver(next, blockSize)).to.throw(RangeError)
  })

  it('change where two mappings differ, as compared block by block', () => {
    const random = new Random(3)
    const draw = (): Extent[] => {
      const extents: Extent[] = []
      for (let at = random.below(4); at < 60;) {
        const length = random.between(1, 9)
        extents.push(extent(at, 1000 + at + (random.chance(0.4) ? random.below(50) : 0), length))
        at += length + (random.chance(0.5) ? random.below(5) : 0)
      }
      return extents
    }
    const placeOf = (extents: readonly Extent[], block: number): number | undefined => {
      const found = extents.find(({ logical, length }) => block >= logical && block < logical + length)
      return found && found.physical + block - found.logical
    }
    for (let round = 0; round < 300; round++) {
      const [before, after] = [draw(), draw()]
      const changed = new Set<number>()
      for (const { logical, length } of changedRanges(before, after))
        for (let i = 0; i < length; i++) changed.add(logical + i)
      for (let block = 0; block < 80; block++)
        expect(changed.has(block), `block ${block} in round ${round}`).to.equal(
          placeOf(before, block) !== placeOf(after, block),
        )
    }
  })

  describe('of an image', () => {
    const scratch = scratchFolder()
    const path = join(scratch.path, 'mapped.img')
    const variety: Variety = { name: '', blockSize: 1024, features: ext3Features, deepExtents: 700, tall: true }
    after(() => scratch.remove())
    before(function () {
      needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'dumpe2fs')
      makeVariedImage(path, variety, 11)
    })

    const inodeOf = (name: string): number => Number(/^Inode: (\d+)/m.exec(debugfs(path, `stat ${name}`))![1])

    it('are rebuilt over any other mapping with just the blocks it needs', async function () {
      this.timeout(60_000)
      const random = new Random(5)
      for (const name of ['/deep', '/a/tall', '/holes', '/file1']) {
        const store = new RecordingStore(readFileSync(path))
        const filesystem = await Filesystem.open(store)
        const place = (await findFreeRuns(filesystem, 0, filesystem.superblock.blockCount)).reduce((a, b) =>
          a.length > b.length ? a : b,
        ).start
        let state: InodeState = (await readInodeState(filesystem, inodeOf(name)))!
        const room = new TreeRoom(filesystem, [])
        for (let round = 0; round < 25; round++) {
          const mapping = vary(state.map.extents, random, place)
          const emptyBefore = await emptyBlocks(filesystem, state)
          const movedTo = new Map<FsBlock, FsBlock>()
          for (const block of state.map.treeBlocks)
            if (random.chance(0.2)) movedTo.set(block, (await room.take(1, state.inode.number))![0]!)
          const change = await MapChange.work(filesystem, state, mapping, movedTo)
          const built = (await change.rebuild(room))!
          for (const { block, bytes } of [...built.rewritten, ...built.fresh])
            await filesystem.writeBlocks(block, bytes)
          const inode = { ...state.inode, blockArea: built.root }
          const { extents, mapBlocks } = await readIndirectMap(filesystem, inode)
          const seen = `${name}, round ${round}`
          expect(extents, seen).to.deep.equal(mapping)
          // Those over something, and those that were empty before.
          const needed = new Map<string, string>()
          for (const { logical, length } of mapping)
            for (let i = 0; i < length; i++)
              for (const { level, logical: first } of positionsOver(logical + i, 1024))
                needed.set(`${level} ${first}`, '')
          for (const key of emptyBefore) needed.set(key, '')
          expect(mapBlocks.map(({ level, logical }) => `${level} ${logical}`).sort(), seen).to.deep.equal(
            [...needed.keys()].sort(),
          )
          expect(built.grown, seen).to.equal(mapBlocks.length - state.map.mapBlocks.length)
          const kept = new Set<number>(mapBlocks.map(({ block }) => block))
          const gone = state.map.treeBlocks.filter((block) => !kept.has(block))
          expect([...built.left].sort(), seen).to.deep.equal(gone.sort())
          for (const [from, to] of movedTo) if (!kept.has(to)) expect(gone, seen).to.include(from)
          for (const { block } of built.rewritten) expect(state.map.treeBlocks, seen).to.include(block)
          state = { inode, map: await readFileMap(filesystem, inode) }
        }
      }
    })

    /** Some blocks go elsewhere, some become holes, some holes get blocks. */
    function vary(extents: readonly Extent[], random: Random, place: number): Extent[] {
      const blocks = new Map<number, number>()
      for (const { logical, physical, length } of extents)
        for (let i = 0; i < length; i++) blocks.set(logical + i, physical + i)
      let next = place + 200 + random.below(50)
      const starts = [...blocks.keys()]
      for (let i = 0; i < 6 && starts.length > 0; i++) {
        const from = random.pick(starts)
        const length = random.pick([1, 5, 300])
        const what = random.below(3)
        for (let at = from; at < from + length; at++) {
          if (what === 0) blocks.delete(at)
          else if (what === 1 ? blocks.has(at) : at < from + 20 && at < mostFileBlocks(1024)) blocks.set(at, next++)
        }
      }
      return mergeExtents(
        [...blocks].sort(([a], [b]) => a - b).map(([logical, physical]) => extent(logical, physical, 1)),
      )
    }

    async function emptyBlocks(filesystem: Filesystem, state: InodeState): Promise<string[]> {
      const empty: string[] = []
      for (const { block, level, logical } of state.map.mapBlocks)
        if ((await filesystem.blocks.read(block)).every((byte) => byte === 0)) empty.push(`${level} ${logical}`)
      return empty
    }

    it('name no block behind the 32 bits they have', async () => {
      const filesystem = await Filesystem.open(await FileStore.open(path))
      try {
        const state = (await readInodeState(filesystem, inodeOf('/deep')))!
        const { logical, physical } = state.map.extents[0]!
        const move = { inode: state.inode.number, kind: 'data', logical, length: 1, from: physical } as const
        const tooFar = { ...move, to: fsBlock(2 ** 32) }
        const planned = await planInode(filesystem, state, [tooFar], new TreeRoom(filesystem, []), async () => [])
        expect(planned.relocation).to.equal(undefined)
        expect(planned.refused.map(({ reason }) => reason)).to.deep.equal(['far-behind'])
        const last = { ...move, to: fsBlock(2 ** 32 - 1) }
        expect(
          (await planInode(filesystem, state, [last], new TreeRoom(filesystem, []), async () => [])).refused,
        ).to.deep.equal([])
      } finally {
        await filesystem.store.close()
      }
    })
  })
})

describe('ext2 and ext3', function () {
  this.timeout(120_000)
  const scratch = scratchFolder()
  after(() => scratch.remove())
  before(function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'dumpe2fs')
  })

  interface Seeks {
    readonly seeks: number
  }

  const text = (bytes: number, name: string): Buffer => Buffer.alloc(bytes, `${name} `)
  const files = ['one', 'two', 'three', 'four', 'five']

  /** An image whose files lie in pieces: they were written side by side. */
  function makeScattered(path: string, blockSize: number, features: string): void {
    const tree = join(scratch.path, 'tree')
    mkdirSync(tree, { recursive: true })
    for (const name of files) writeFileSync(join(tree, name), text(5, name))
    makeImage(path, { size: 48 << 20, blockSize, features, tree })
    loopMounted(path, (folder) => {
      const open = files.map((name) => openSync(join(folder, name), 'r+'))
      for (let at = 0; at < 60; at++) {
        for (const [i, file] of open.entries()) {
          const step = 7 * blockSize
          writeSync(file, text(step, `${files[i]} at ${at}`), 0, step, at * step)
          run('sync', ['-d', join(folder, files[i]!)])
        }
      }
      open.forEach((file) => closeSync(file))
    })
    checkImage(path)
  }

  /** Physical blocks in the order they are read, map blocks where they are needed, by debugfs. */
  const readOrder = (path: string, name: string): { what: string; block: number }[] =>
    [
      ...debugfs(path, `stat ${name}`)
        .split('BLOCKS:\n')[1]!
        .matchAll(/\((T?IND|DIND|\d+)(?:-\d+)?\):(\d+)(?:-(\d+))?/g),
    ].flatMap(([, what, first, last]) =>
      Array.from({ length: Number(last ?? first) - Number(first) + 1 }, (_, i) => ({
        what: /IND/.test(what!) ? what! : 'data',
        block: Number(first) + i,
      })),
    )

  for (const [type, blockSize, features] of [
    ['ext3', 1024, ext3Features],
    ['ext3', 4096, ext3Features],
    ['ext2', 1024, `${ext3Features},^has_journal`],
    ['ext4', 1024, '^extent,^64bit,metadata_csum'],
  ] as const) {
    it(`are packed, checked, undone and mounted as ${type}, with blocks of ${blockSize} bytes`, function () {
      needLoopMounts(this)
      const path = join(scratch.path, `${type}-${blockSize}.img`)
      makeScattered(path, blockSize, features)
      const pristine = `${path}.before`
      copyFileSync(path, pristine)
      const hashes = hashFiles(path)
      const trace = join(scratch.path, 'boot.list')
      writeFileSync(trace, files.map((name) => `/${name}\n`).join(''))
      const plan = join(scratch.path, `${type}-${blockSize}.plan`)
      const undo = type === 'ext2' ? ['--undo-file', `${plan}.e2undo`] : []
      if (type === 'ext2') {
        expect(bootpack(['pack', path, '--trace', trace, '--evict'], [5]).stderr).to.match(/no journal[^]*--undo-file/)
        expect(readFileSync(path).equals(readFileSync(pristine)), 'a refusal writes nothing').to.equal(true)
      }
      const { stdout } = bootpack(['pack', path, '--trace', trace, '--evict', '--check', '--json', '-o', plan, ...undo])
      const report = JSON.parse(stdout) as { after: Seeks; plan: { gaps: unknown[]; measure: { before: Seeks } } }
      checkImage(path)
      expect(hashFiles(path)).to.deep.equal(hashes)
      bootpack(['verify', '--deep', plan])

      const order = files.flatMap((name) => readOrder(path, `/${name}`))
      expect(order.filter(({ what }) => what === 'DIND').length).to.equal(blockSize === 1024 ? files.length : 0)
      const steps = order.slice(1).map(({ block }, i) => block - order[i]!.block)
      expect(Math.min(...steps), 'always onwards').to.equal(1)
      const breaks = steps.filter((step) => step !== 1).length
      expect(breaks, 'breaks told by debugfs').to.equal(report.after.seeks)
      expect(breaks, 'only at what cannot move').to.be.at.most(report.plan.gaps.length)
      expect(report.plan.measure.before.seeks, 'breaks before').to.be.greaterThan(40)

      loopMounted(
        path,
        (folder) => {
          for (const name of files)
            expect(readFileSync(join(folder, name)).equals(contents(pristine, name)), name).to.equal(true)
          // The kernel goes on with the maps: it cuts one off, makes another longer, deletes a third.
          const cut = openSync(join(folder, 'one'), 'r+')
          ftruncateSync(cut, 20 * blockSize)
          closeSync(cut)
          const longer = openSync(join(folder, 'two'), 'a')
          writeSync(longer, text(300 * blockSize, 'more'))
          closeSync(longer)
          run('rm', [join(folder, 'three')])
        },
        '',
        type,
      )
      checkImage(path)

      copyFileSync(pristine, path)
      bootpack(['apply', plan, ...(type === 'ext2' ? ['--undo-file', `${plan}.again`] : [])])
      checkImage(path)
      bootpack(['undo', plan, ...(type === 'ext2' ? ['--undo-file', `${plan}.back`] : [])])
      checkImage(path)
      expect(hashFiles(path)).to.deep.equal(hashes)
      for (const name of files) expect(readOrder(path, `/${name}`)).to.deep.equal(readOrder(pristine, `/${name}`))
    })
  }

  const contents = (path: string, name: string): Buffer => {
    const file = join(scratch.path, 'contents')
    run('debugfs', ['-R', `dump /${name} "${file}"`, path])
    return readFileSync(file)
  }

  it('of revision 0, without features, is packed as well', function () {
    const path = join(scratch.path, 'revision0.img')
    const tree = join(scratch.path, 'revision0')
    mkdirSync(tree)
    for (const name of files) writeFileSync(join(tree, name), text(400_000, name))
    run('mke2fs', ['-q', '-F', '-r', '0', '-O', 'none', '-b', '1024', '-d', tree, path, '8M'])
    const hashes = hashFiles(path)
    const trace = join(scratch.path, 'revision0.list')
    writeFileSync(trace, ['four', 'one', 'five'].map((name) => `/${name}\n`).join(''))
    bootpack(['pack', path, '--trace', trace, '--evict', '--undo-file', `${path}.e2undo`])
    checkImage(path)
    expect(hashFiles(path)).to.deep.equal(hashes)
    const order = ['four', 'one', 'five'].flatMap((name) => readOrder(path, `/${name}`))
    expect(order.map(({ block }) => block - order[0]!.block)).to.deep.equal(order.map((_, i) => i))
  })
})
