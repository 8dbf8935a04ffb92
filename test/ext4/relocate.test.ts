import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { fileBlock, fsBlock } from '../../src/layout/block.js'
import { extent, mergeExtents } from '../../src/layout/extent.js'
import { blockRun } from '../../src/layout/run.js'
import { treeBlocksNeeded } from '../../src/ext4/read/extent-tree.js'
import { FileStore } from '../../src/storage/file-store.js'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { ImageVolume } from '../../src/ext4/engine/image-volume.js'
import type { Committer } from '../../src/ext4/commit/committer.js'
import { openCommitter } from '../../src/ext4/commit/open-committer.js'
import { relocateOnImage } from '../../src/ext4/relocate/round.js'
import type { Move, MoveOutcome, RelocateOptions, Volume } from '../../src/volume/volume.js'
import { checkImage, debugfs, debugfsWrite, hashFiles, makeImage } from '../support/images.js'
import { dumpInodes, mappedContents, type InodeDump } from '../support/inode-dump.js'
import { loopMounted } from '../support/mount.js'
import { Random } from '../support/random.js'
import { ExpectedLayout, randomMoves } from '../support/random-moves.js'
import { RecordingStore } from '../support/recording-store.js'
import { needLoopMounts, needTools, run, scratchFolder } from '../support/tools.js'
import { isIndirect, makeVariedImage, varieties, type Variety } from '../support/varied-image.js'

const openVolume = async (path: string): Promise<Volume> =>
  ImageVolume.open(await Filesystem.open(await FileStore.open(path, { writable: true })))

async function relocate(
  volume: Volume,
  moves: readonly Move[],
  options: Partial<RelocateOptions> = {},
): Promise<MoveOutcome[]> {
  const outcomes: MoveOutcome[] = []
  for await (const outcome of volume.relocate(moves, { reserved: [], ...options })) outcomes.push(outcome)
  return outcomes
}

/** Nothing but places changed: every other word debugfs says of an inode is the same, trees are as small as they go. */
function expectSameButPlaces(
  before: ReadonlyMap<number, InodeDump>,
  after: ReadonlyMap<number, InodeDump>,
  moved: ReadonlySet<number>,
  blockSize: number,
): void {
  expect([...after.keys()]).to.deep.equal([...before.keys()])
  for (const [inode, now] of after) {
    const then = before.get(inode)!
    expect(now.rest, `inode ${inode}`).to.equal(then.rest)
    expect([...now.unwritten], `unwritten blocks of inode ${inode}`).to.deep.equal([...then.unwritten])
    expect(now.sectors - then.sectors, `i_blocks of inode ${inode}`).to.equal(
      (now.treeBlocks.length - then.treeBlocks.length) * (blockSize / 512),
    )
    if (moved.has(inode) && !now.indirect) {
      const merged = mergeExtents(
        [...now.blocks].map(([logical, physical]) => extent(logical, physical, 1, now.unwritten.has(logical))),
        32767,
      )
      expect(now.treeBlocks.length, `tree blocks of inode ${inode}`).to.equal(
        treeBlocksNeeded(merged.length, blockSize),
      )
    }
  }
}

describe('relocate on an image', () => {
  const scratch = scratchFolder()
  after(() => scratch.remove())
  before(function () {
    needTools(this, 'mke2fs', 'debugfs', 'e2fsck', 'dumpe2fs')
  })

  for (const [index, each] of varieties.entries()) {
    const variety = { ...each, tall: isIndirect(each) }
    it(`moves anything anywhere: ${variety.name}`, async function () {
      this.timeout(120_000)
      const seed = 100 + index
      const random = new Random(seed)
      const path = join(scratch.path, `varied${index}.img`)
      makeVariedImage(path, variety, seed)
      const before = dumpInodes(path)
      const contents = (dumps: ReadonlyMap<number, InodeDump>): Map<string, string> =>
        variety.tall ? mappedContents(path, readFileSync(path), dumps, variety.blockSize) : hashFiles(path)
      const held = contents(before)
      const header = superblockWords(path)
      const expected = new ExpectedLayout(before)
      const kinds = new Set<string>()
      const touched = new Set<number>()
      const volume = await openVolume(path)
      for (let round = 0; round < 6; round++) {
        const moves = await randomMoves(volume, random, 80)
        const outcomes = await relocate(volume, moves)
        expect(
          outcomes.map(({ move }) => move),
          `seed ${seed}, round ${round}`,
        ).to.have.members(moves)
        for (const { move, status, reason } of outcomes) {
          const allowed = move.kind === 'tree' && !before.get(move.inode)!.indirect ? ['moved', 'gone'] : ['moved']
          expect(allowed, `seed ${seed}, round ${round}: ${JSON.stringify(move)}: ${reason}`).to.include(status)
          if (status === 'moved') expected.apply(move)
          if (move.kind !== 'xattr') touched.add(move.inode)
          kinds.add(move.kind)
        }
      }
      await volume.close()
      expect([...kinds], `seed ${seed}`).to.include.members([
        'data',
        'directory',
        'symlink',
        'xattr',
        ...(variety.deepExtents ? ['tree'] : []),
      ])
      checkImage(path)
      const after = dumpInodes(path)
      expect(expected.differences(after), `seed ${seed}`).to.deep.equal([])
      expectSameButPlaces(before, after, touched, variety.blockSize)
      expect(contents(after)).to.deep.equal(held)
      expect(superblockWords(path), 'superblock').to.equal(header)
    })
  }

  /** What dumpe2fs says of the superblock, but for what a change of the number of tree blocks and our transactions change. */
  function superblockWords(path: string): string {
    return run('dumpe2fs', ['-h', path]).stdout.replace(
      /^(Free blocks|Journal sequence|Journal checksum|Checksum): .*$/gm,
      '',
    )
  }

  describe('with an image of its own', () => {
    const pristine = join(scratch.path, 'pristine.img')
    const path = join(scratch.path, 'work.img')
    const variety: Variety = { name: '', blockSize: 1024, deepExtents: 600 }
    let dumps: Map<number, InodeDump>
    let deep: InodeDump
    let volume: Volume

    before(() => {
      makeVariedImage(pristine, variety, 1)
      dumps = dumpInodes(pristine)
      deep = [...dumps.values()]
        .filter(({ indirect }) => !indirect)
        .reduce((most, dump) => (dump.treeBlocks.length > most.treeBlocks.length ? dump : most))
    })
    beforeEach(async () => {
      copyFileSync(pristine, path)
      volume = await openVolume(path)
    })
    afterEach(() => volume.close())

    const inodeOf = (name: string): InodeDump =>
      dumps.get(Number(/^Inode: (\d+)/m.exec(debugfs(pristine, `stat ${name}`))![1]))!
    const longestFree = async (): Promise<number> =>
      (await volume.freeRuns(fsBlock(1), fsBlock(volume.geometry().blockCount))).reduce((best, each) =>
        each.length > best.length ? each : best,
      ).start
    const move = (dump: InodeDump, logical: number, length: number, to: number, kind: Move['kind'] = 'data'): Move => ({
      inode: dump.inode,
      kind,
      logical: fileBlock(logical),
      length,
      from: fsBlock(dump.blocks.get(logical)!),
      to: fsBlock(to),
    })

    it('packs a file of 600 extents into one, and frees its tree', async () => {
      const to = await longestFree()
      const free = Number(/Free blocks: +(\d+)/.exec(run('dumpe2fs', ['-h', path]).stdout)![1])
      const moves = [...deep.blocks.keys()].map((logical, i) => move(deep, logical, 1, to + i))
      const outcomes = await relocate(volume, moves)
      expect(outcomes.every(({ status }) => status === 'moved')).to.equal(true)
      await volume.close()
      volume = await openVolume(path)
      checkImage(path)
      const now = dumpInodes(path).get(deep.inode)!
      // Holes between the blocks keep them 600 extents of one block each.
      expect(now.treeBlocks.length).to.equal(treeBlocksNeeded(600, 1024))

      // Without holes they are one.
      const whole = inodeOf('/file0')
      const scattered = await relocate(
        volume,
        [...whole.blocks.keys()].map((logical, i) => move(whole, logical, 1, to + 700 + 2 * i)),
      )
      expect(scattered.every(({ status }) => status === 'moved')).to.equal(true)
      const back = await relocate(
        volume,
        [...whole.blocks.keys()].map((logical, i) => ({
          ...move(whole, logical, 1, whole.blocks.get(logical)!),
          from: fsBlock(to + 700 + 2 * i),
        })),
      )
      expect(back.every(({ status }) => status === 'moved')).to.equal(true)
      await volume.close()
      volume = await openVolume(path)
      checkImage(path)
      const freeNow = Number(/Free blocks: +(\d+)/.exec(run('dumpe2fs', ['-h', path]).stdout)![1])
      expect(freeNow - free).to.equal(deep.treeBlocks.length - now.treeBlocks.length)
      expect(dumpInodes(path).get(whole.inode)!.extents).to.equal(whole.extents)
    })

    it('moves contents, tree and attributes of an inode in one round', async () => {
      const shared = inodeOf('/a/shared1')
      const to = await longestFree()
      const outcomes = await relocate(volume, [
        ...[...deep.blocks.keys()].slice(0, 300).map((logical, i) => move(deep, logical, 1, to + i)),
        ...deep.treeBlocks.map((block, i) => ({
          inode: deep.inode,
          kind: 'tree' as const,
          logical: fileBlock(i),
          length: 1,
          from: fsBlock(block),
          to: fsBlock(to + 400 + i),
        })),
        move(shared, 0, 1, to + 500),
        {
          inode: shared.inode,
          kind: 'xattr',
          logical: fileBlock(0),
          length: 1,
          from: fsBlock(shared.xattr),
          to: fsBlock(to + 501),
        },
      ])
      expect(outcomes.filter(({ status }) => status !== 'moved' && status !== 'gone')).to.deep.equal([])
      await volume.close()
      volume = await openVolume(path)
      checkImage(path)
      const now = dumpInodes(path)
      const { treeBlocks } = now.get(deep.inode)!
      expect([...treeBlocks].sort((a, b) => a - b)).to.deep.equal(treeBlocks.map((_, i) => to + 400 + i))
      expect(outcomes.filter(({ status }) => status === 'gone').length).to.equal(
        deep.treeBlocks.length - treeBlocks.length,
      )
      for (const name of ['/a/shared1', '/a/shared2', '/a/shared3'])
        expect(now.get(inodeOf(name).inode)!.xattr).to.equal(to + 501)
      expect(debugfs(path, 'ea_get /a/shared3 user.shared')).to.contain('v'.repeat(700))
      expect(hashFiles(path)).to.deep.equal(hashFiles(pristine))
    })

    it('lets all sharers of an attribute block bring the same move', async () => {
      const to = await longestFree()
      const moves = ['/a/shared3', '/a/shared1'].map((name) => {
        const dump = inodeOf(name)
        return {
          inode: dump.inode,
          kind: 'xattr' as const,
          logical: fileBlock(0),
          length: 1,
          from: fsBlock(dump.xattr),
          to: fsBlock(to),
        }
      })
      const outcomes = await relocate(volume, moves)
      expect(outcomes.map(({ status }) => status)).to.deep.equal(['moved', 'moved'])
      expect((await relocate(volume, moves)).map(({ status }) => status)).to.deep.equal(['already', 'already'])
      await volume.close()
      volume = await openVolume(path)
      checkImage(path)
    })

    it('grows a tree near the inode, in none of the blocks that are reserved or moved', async () => {
      const file = inodeOf('/reserved')
      const to = await longestFree()
      const blocks = [...file.blocks.keys()]
      const scattered = blocks.map((logical, i) => move(file, logical, 1, to + 2 * i))
      const free = await volume.freeRuns(fsBlock(1), fsBlock(volume.geometry().blockCount))
      // All that is free up to here is somebody's, and so are the gaps between the targets.
      const reserved = free
        .map((each) => (each.start === to ? blockRun(to, 2 * blocks.length + 50) : each))
        .filter((each) => each.start <= to)
      const outcomes = await relocate(volume, scattered, { reserved })
      expect(outcomes.map(({ status }) => status)).to.deep.equal(scattered.map(() => 'moved'))
      await volume.close()
      volume = await openVolume(path)
      checkImage(path)
      const now = dumpInodes(path).get(file.inode)!
      expect(file.treeBlocks).to.deep.equal([])
      expect(now.treeBlocks.length).to.equal(1)
      expect(now.treeBlocks[0]).to.equal(to + 2 * blocks.length + 50)
    })

    it('reports what it cannot do and leaves it alone', async () => {
      const to = await longestFree()
      const file = inodeOf('/file1')
      const used = inodeOf('/file2').blocks.get(0)!
      const good = move(file, 0, 1, to)
      const at = (changes: Partial<Record<keyof Move, unknown>>): Move => ({ ...good, ...changes }) as Move
      const cases: [what: string, move: Move, status: string, reason?: RegExp][] = [
        ['a target in use', at({ to: used }), 'skipped', /^taken block \d+$/],
        [
          'a target that reaches into used blocks',
          { ...move(inodeOf('/deep'), 0, 1, to), to: fsBlock(used) },
          'skipped',
          /^taken block \d+$/,
        ],
        ['fixed metadata as target', at({ to: 2 }), 'skipped', /^taken block \d+$/],
        ['a target beyond the end', at({ to: volume.geometry().blockCount }), 'skipped', /^invalid .*outside/],
        ['the boot block', at({ to: 0 }), 'skipped', /^invalid .*outside/],
        ['no length', at({ length: 0 }), 'skipped', /^invalid .*numbers/],
        ['half a block', at({ to: to + 0.5 }), 'skipped', /^invalid .*numbers/],
        ['a source that is elsewhere', at({ from: used }), 'skipped', /^changed/],
        ['blocks beyond the end of the file', at({ logical: 5000 }), 'gone'],
        ['a hole', { ...move(inodeOf('/holes'), 9, 1, to + 3), logical: fileBlock(50) }, 'gone'],
        ['an inode that is free', at({ inode: 690 }), 'gone'],
        ['an inode there is none of', at({ inode: 4_000_000 }), 'gone'],
        ['a directory called data', { ...move(inodeOf('/many'), 0, 1, to + 4) }, 'skipped', /^invalid .*no regular/],
        ['the journal', move(dumps.get(8)!, 5, 1, to + 5), 'skipped', /system-inode/],
        [
          'the resize inode',
          { ...good, inode: 7, kind: 'tree', from: fsBlock(dumps.get(7)!.treeBlocks[0] ?? 300) },
          'skipped',
        ],
        ['a tree block of a file without a tree', { ...good, kind: 'tree' }, 'gone'],
        ['an attribute block of a file without one', { ...good, kind: 'xattr' }, 'gone'],
      ]
      const image = readFileSync(path)
      for (const [what, wrong, status, reason] of cases) {
        const [outcome, ...more] = await relocate(volume, [wrong])
        expect(more).to.deep.equal([])
        if (what === 'the resize inode') expect(['skipped', 'gone']).to.include(outcome!.status)
        else expect(outcome!.status, what).to.equal(status)
        if (reason) expect(`${outcome!.reason} ${outcome!.detail ?? ''}`.trim(), what).to.match(reason)
      }
      expect(Buffer.compare(readFileSync(path), image), 'bytes written for moves that were not made').to.equal(0)

      const together = await relocate(volume, [
        good,
        at({ inode: inodeOf('/file3').inode, from: inodeOf('/file3').blocks.get(0) }),
        good,
        at({ to: to + 9 }),
      ])
      const moved = together.filter(({ status }) => status === 'moved')
      expect(moved.map(({ move: { inode } }) => inode)).to.deep.equal([file.inode])
      expect(together.map(({ reason, detail }) => `${reason ?? ''} ${detail ?? ''}`).sort()).to.deep.equal([
        ' ',
        'conflict the same blocks',
        'conflict the same blocks',
        'conflict the same target',
      ])
      await volume.close()
      volume = await openVolume(path)
      checkImage(path)
      expect(hashFiles(path)).to.deep.equal(hashFiles(pristine))
    })

    it('finishes the batch in hand when it is interrupted', async () => {
      const to = await longestFree()
      const filesystem = await Filesystem.open(await FileStore.open(path, { writable: true }))
      const committer = smaller(await openCommitter(filesystem), 12)
      const controller = new AbortController()
      const files = [...dumps.values()].filter(
        (dump) => dump.inode > 11 && dump.blocks.has(0) && /Type: regular/.test(dump.rest),
      )
      const moves = files.map((dump, i) => move(dump, 0, 1, to + i))
      const outcomes: MoveOutcome[] = []
      for await (const outcome of relocateOnImage(filesystem, committer, moves, {
        reserved: [],
        signal: controller.signal,
      })) {
        outcomes.push(outcome)
        controller.abort()
      }
      expect(outcomes.length).to.be.greaterThan(0).and.lessThan(moves.length)
      expect(outcomes.every(({ status }) => status === 'moved')).to.equal(true)
      await committer.close()
      await filesystem.store.close()
      checkImage(path)
      const now = dumpInodes(path)
      for (const each of moves) {
        const done = outcomes.some((outcome) => outcome.move === each)
        expect(now.get(each.inode)!.blocks.get(0)).to.equal(done ? each.to : each.from)
      }
    })

    it('cuts a round into as many transactions as a small journal needs', async () => {
      const filesystem = await Filesystem.open(await FileStore.open(path, { writable: true }))
      let commits = 0
      let most = 0
      const committer = smaller(await openCommitter(filesystem), 10, (size) => {
        commits++
        most = Math.max(most, size)
      })
      const random = new Random(77)
      const expected = new ExpectedLayout(dumps)
      const looking = await ImageVolume.open(filesystem)
      for (let round = 0; round < 4; round++) {
        for await (const { move: each, status, reason } of relocateOnImage(
          filesystem,
          committer,
          await randomMoves(looking, random, 60),
          { reserved: [] },
        )) {
          if (status === 'moved') expected.apply(each)
          else if (status === 'skipped') expect(reason).to.equal('journal-full')
        }
      }
      await committer.close()
      await filesystem.store.close()
      expect(commits).to.be.greaterThan(12)
      expect(most).to.be.at.most(10)
      checkImage(path)
      expect(expected.differences(dumpInodes(path))).to.deep.equal([])
      expect(hashFiles(path)).to.deep.equal(hashFiles(pristine))
    })

    it('reports progress and copies nothing that was never written', async () => {
      const store = new RecordingStore(readFileSync(path))
      const own = await ImageVolume.open(await Filesystem.open(store))
      const file = inodeOf('/reserved')
      const first = Math.min(...file.unwritten)
      let length = 1
      while (file.unwritten.has(first + length) && file.blocks.get(first + length) === file.blocks.get(first)! + length)
        length++
      const to = await longestFree()
      const progress: number[] = []
      const outcomes = await relocate(own, [move(file, first, length, to), move(inodeOf('/file1'), 0, 1, to + 200)], {
        onProgress: (blocks) => progress.push(blocks),
      })
      expect(outcomes.map(({ status }) => status)).to.deep.equal(['moved', 'moved'])
      expect(progress.at(-1)).to.equal(1)
      expect(
        store.steps.some(
          (step) =>
            step.kind === 'write' && step.offset < (to + length) * 1024 && step.offset + step.bytes.length > to * 1024,
        ),
      ).to.equal(false)
      await own.close()
    })
  })

  it('moves shared attributes, indexed directories and punched files that the kernel made', async function () {
    this.timeout(120_000)
    needLoopMounts(this)
    needTools(this, 'fallocate', 'filefrag')
    for (const blockSize of [1024, 4096]) {
      const path = join(scratch.path, `kernel${blockSize}.img`)
      makeImage(path, { size: 48 << 20, blockSize, more: ['-N', '1500'] })
      loopMounted(path, (folder) => {
        run(
          'sh',
          [
            '-ec',
            `
          mkdir many; i=0; while [ $i -lt 600 ]; do : > many/a-rather-long-name-for-an-empty-file-$i; i=$((i+1)); done
          ln -s ${'t'.repeat(200)} link
          i=0; while [ $i -lt 20 ]; do head -c $((i * 3000)) /dev/urandom > f$i; i=$((i+1)); done
          dd if=/dev/urandom of=punched bs=${blockSize} count=400 conv=fsync status=none
          i=0; while [ $i -lt 150 ]; do fallocate -p -o $((i * 2 * ${blockSize})) -l ${blockSize} punched; i=$((i+1)); done
          fallocate -l 500000 reserved
        `,
          ],
          { cwd: folder },
        )
      })
      checkImage(path)
      const hashes = hashFiles(path)
      const before = dumpInodes(path)
      const expected = new ExpectedLayout(before)
      const random = new Random(blockSize)
      const volume = await openVolume(path)
      for (let round = 0; round < 6; round++) {
        for (const { move, status } of await relocate(volume, await randomMoves(volume, random, 100)))
          if (status === 'moved') expected.apply(move)
      }
      await volume.close()
      checkImage(path)
      expect(expected.differences(dumpInodes(path)), `seed ${random.seed}`).to.deep.equal([])
      const byKernel = loopMounted(
        path,
        (folder) =>
          run('sh', ['-ec', 'sha256sum f* punched reserved; ls many | wc -l; readlink link'], { cwd: folder }).stdout,
        'ro',
      )
      for (const line of byKernel.trim().split('\n').slice(0, -2)) {
        const [hash, name] = line.split(/ +/)
        expect(hashes.get(`/${name}`)).to.equal(hash)
      }
      expect(byKernel.trim().split('\n').slice(-2)).to.deep.equal(['600', 't'.repeat(200)])
      expect(hashFiles(path)).to.deep.equal(hashes)
    }
  })

  it('leaves a tree alone whose blocks a quota counts', async () => {
    const path = join(scratch.path, 'quota.img')
    makeVariedImage(path, { name: '', blockSize: 1024, features: 'quota', deepExtents: 200 }, 3)
    const before = dumpInodes(path)
    const volume = await openVolume(path)
    const random = new Random(5)
    const reasons = new Set<string>()
    for (let round = 0; round < 6; round++) {
      for (const { status, reason } of await relocate(volume, await randomMoves(volume, random, 80)))
        if (status === 'skipped') reasons.add(reason!)
    }
    await volume.close()
    checkImage(path)
    expect([...reasons].filter((reason) => reason !== 'quota-tree')).to.deep.equal([])
    for (const [inode, { sectors }] of dumpInodes(path)) expect(sectors).to.equal(before.get(inode)!.sectors)
  })

  it('refuses a filesystem without a journal', async () => {
    const path = join(scratch.path, 'journal-less.img')
    makeImage(path, { size: 16 << 20, features: '^has_journal' })
    debugfsWrite(path, ['mkdir a'])
    let refusal: unknown
    const store = await FileStore.open(path, { writable: true })
    await Filesystem.open(store)
      .then((filesystem) => ImageVolume.open(filesystem))
      .catch((error: unknown) => {
        refusal = error
      })
    await store.close()
    expect(refusal).to.be.an('error').with.property('code', 'no-journal')
  })
})

/** A committer that takes fewer blocks than the journal could. */
function smaller(committer: Committer, capacity: number, onCommit: (size: number) => void = () => {}): Committer {
  return {
    capacity,
    ready: () => committer.ready(),
    commit: (blocks) => {
      if (blocks.size > capacity) throw new RangeError(`${blocks.size} blocks in a journal for ${capacity}`)
      if (blocks.size > 0) onCommit(blocks.size)
      return committer.commit(blocks)
    },
    close: () => committer.close(),
  }
}
