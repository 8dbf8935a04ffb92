import { closeSync, ftruncateSync, openSync, readFileSync, readSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { fallocate } from '../../src/kernel/fallocate.js'
import { fileAdvise } from '../../src/kernel/fadvise.js'
import { fiemap } from '../../src/kernel/fiemap.js'
import { residentRanges } from '../../src/kernel/mincore.js'
import { fsBlock } from '../../src/layout/block.js'
import type { Extent } from '../../src/layout/extent.js'
import { blockRun, type BlockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import { openLive } from '../../src/mounted/engine/open.js'
import { resolveTarget } from '../../src/volume/target.js'
import type { Move, MoveOutcome, Volume } from '../../src/volume/volume.js'
import { filefrag, filefrags, loopMount, type LoopMount } from '../support/loop-mount.js'
import { needLoopMounts, needTools, run } from '../support/tools.js'
import { age, differences, footprints, randomFrom } from './aged.js'

async function relocate(
  volume: Volume,
  moves: readonly Move[],
  reserved: readonly BlockRun[] = [],
): Promise<MoveOutcome[]> {
  const outcomes: MoveOutcome[] = []
  for await (const outcome of volume.relocate(moves, { reserved })) outcomes.push(outcome)
  expect(outcomes.map(({ move }) => move)).to.have.members(moves)
  return outcomes
}

function tally(outcomes: readonly MoveOutcome[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { status, reason } of outcomes) counts[reason ?? status] = (counts[reason ?? status] ?? 0) + 1
  return counts
}

const everywhere = (volume: Volume): Promise<BlockRun[]> =>
  volume.freeRuns(fsBlock(0), fsBlock(volume.geometry().blockCount))

/** What filefrag says of a file, as extents. */
const physical = (path: string): Pick<Extent, 'logical' | 'physical' | 'length' | 'unwritten'>[] =>
  filefrag(path).map(({ flags, ...rest }) => ({ ...rest, unwritten: flags.includes('unwritten') }) as Extent)

describe('live: moving to exact places', function () {
  const seed = Number(process.env['SEED'] ?? 20_260_101)

  before(function () {
    needLoopMounts(this)
    needTools(this, 'mke2fs', 'e2fsck', 'filefrag')
    console.log(`      seed ${seed}`)
  })

  for (const blockSize of [4096, 1024, 2048]) {
    it(`scattered extents land block by block where they are sent, with ${blockSize} byte blocks`, async () => {
      const mount = loopMount({ size: 3 * 8 * blockSize * blockSize, blockSize })
      try {
        const paths = age(mount.path, { blockSize, crumbs: 2500, files: 160, seed })
        const before = footprints(mount.path)
        const settings = mount.settings()
        const volume = await openLive(resolveTarget(mount.path), true)
        const random = randomFrom(seed)
        for (let round = 0; round < 3; round++) {
          const free = RunSet.of(await everywhere(volume))
          const moves: Move[] = []
          for (const path of paths) {
            const { file } = (await volume.lookup(path))!
            for (const extent of await volume.extents(file)) {
              if (random() < 0.4) continue
              // Somewhere inside a random free run, not at its beginning, where the kernel would go anyway.
              const fitting = [...free].filter(({ length }) => length >= extent.length)
              const home = fitting[Math.floor(random() * fitting.length)]
              if (!home) continue
              const to = home.start + Math.floor(random() * (home.length - extent.length + 1))
              free.remove(blockRun(to, extent.length))
              moves.push({
                inode: file.inode,
                path,
                kind: 'data',
                logical: extent.logical,
                length: extent.length,
                from: extent.physical,
                to: fsBlock(to),
              })
            }
          }
          expect(moves.length).to.be.above(50)
          const outcomes = await relocate(volume, moves)
          expect(tally(outcomes)).to.deep.equal({ moved: moves.length })
          const fragments = filefrags(paths.map((path) => join(mount.path, path)))
          for (const path of paths) {
            const now = fragments.get(join(mount.path, path))!
            for (const move of moves.filter((each) => each.path === path)) {
              const covering = now.find(
                ({ logical, length }) => logical <= move.logical && move.logical + move.length <= logical + length,
              )
              expect(
                covering && covering.physical + move.logical - covering.logical,
                `${path} block ${move.logical}`,
              ).to.equal(move.to)
            }
          }
        }
        await volume.close()
        expect(mount.settings()).to.deep.equal(settings)
        expect(differences(before, footprints(mount.path))).to.deep.equal([])
        mount.check()
        mount.mount()
        expect(differences(before, footprints(mount.path))).to.deep.equal([])
      } finally {
        mount.remove()
      }
    })
  }

  describe('one file at a time', () => {
    let mount: LoopMount
    let volume: Volume
    const open = new Set<number>()
    const path = (name: string): string => join(mount.path, name)
    const opened = (fd: number): number => {
      open.add(fd)
      return fd
    }
    const block = 4096

    before(async function () {
      needLoopMounts(this)
      mount = loopMount({ size: 400 << 20, blockSize: block })
      age(mount.path, { blockSize: block, crumbs: 2000, files: 40, seed })
      await reopen()
    })
    afterEach(() => {
      for (const fd of open) closeSync(fd)
      open.clear()
    })
    after(async () => {
      await volume?.close()
      mount?.check()
      mount?.remove()
    })

    /** A volume that knows of the files made until now. */
    async function reopen(): Promise<void> {
      await volume?.close()
      volume = await openLive(resolveTarget(mount.path), true)
    }

    /** Moves that put every extent of a file behind each other, at the first free run that takes them. */
    async function gather(name: string): Promise<{ moves: Move[]; to: number }> {
      await reopen()
      const { file } = (await volume.lookup(`/${name}`))!
      const extents = await volume.extents(file)
      const total = extents.reduce((sum, { length }) => sum + length, 0)
      const home = (await everywhere(volume)).filter(({ length }) => length >= total + 20).at(-1)!
      let to = home.start + 10
      return {
        to,
        moves: extents.map((extent) => {
          const move: Move = {
            inode: file.inode,
            kind: 'data',
            logical: extent.logical,
            length: extent.length,
            from: extent.physical,
            to: fsBlock(to),
          }
          to += extent.length
          return move
        }),
      }
    }

    it('keeps holes holes and unwritten blocks unwritten', async () => {
      const fd = opened(openSync(path('patchwork'), 'w+'))
      for (const at of [0, 1, 2, 9, 30]) writeSync(fd, Buffer.alloc(block, at + 1), 0, block, at * block)
      fallocate(fd, 'allocate', 12 * block, 6 * block)
      writeSync(fd, Buffer.alloc(block, 99), 0, block, 14 * block)
      ftruncateSync(fd, 50 * block + 17)
      const contents = readFileSync(path('patchwork'))
      const { moves, to } = await gather('patchwork')
      const shape = physical(path('patchwork')).map(({ logical, length, unwritten }) => ({
        logical,
        length,
        unwritten,
      }))
      expect(tally(await relocate(volume, moves))).to.deep.equal({ moved: moves.length })
      let at = to
      for (const now of physical(path('patchwork'))) {
        expect(now.physical).to.equal(at)
        at += now.length
      }
      expect(
        physical(path('patchwork')).map(({ logical, length, unwritten }) => ({ logical, length, unwritten })),
      ).to.deep.equal(shape)
      expect(readFileSync(path('patchwork')).equals(contents)).to.equal(true)
      // And to blocks that a written file left just now.
      const back = moves.map((move) => ({ ...move, from: move.to, to: move.from }))
      expect(tally(await relocate(volume, back))).to.deep.equal({ moved: moves.length })
      expect(
        physical(path('patchwork')).map(({ logical, length, unwritten }) => ({ logical, length, unwritten })),
      ).to.deep.equal(shape)
      expect(readFileSync(path('patchwork')).equals(contents)).to.equal(true)
    })

    it('two files exchange places over two rounds, through a third place', async () => {
      for (const name of ['left', 'right']) {
        const fd = opened(openSync(path(name), 'w+'))
        writeSync(fd, Buffer.alloc(24 * block, name))
      }
      await reopen()
      const [left, right] = [(await volume.lookup('/left'))!.file, (await volume.lookup('/right'))!.file]
      const [[a], [b]] = [await volume.extents(left), await volume.extents(right)]
      const stage = (await everywhere(volume)).at(-1)!.start + 100
      const from = (inode: number, source: number, target: number): Move => ({
        inode,
        kind: 'data',
        logical: a!.logical,
        length: 24,
        from: fsBlock(source),
        to: fsBlock(target),
      })
      const rounds = [
        [from(left.inode, a!.physical, stage)],
        [from(right.inode, b!.physical, a!.physical)],
        [from(left.inode, stage, b!.physical)],
      ]
      const reserved = rounds.flat().flatMap((move) => [blockRun(move.from, 24), blockRun(move.to, 24)])
      for (const round of rounds)
        expect((await relocate(volume, round, reserved)).map(({ status }) => status)).to.deep.equal(['moved'])
      expect(physical(path('left'))[0]!.physical).to.equal(b!.physical)
      expect(physical(path('right'))[0]!.physical).to.equal(a!.physical)
      expect(readFileSync(path('left')).equals(Buffer.alloc(24 * block, 'left'))).to.equal(true)
      expect(readFileSync(path('right')).equals(Buffer.alloc(24 * block, 'right'))).to.equal(true)
    })

    it('keeps blocks between rounds from others, and gives them back at the end', async () => {
      const fd = opened(openSync(path('kept'), 'w+'))
      writeSync(fd, Buffer.alloc(64 * block, 1))
      const { moves } = await gather('kept')
      const old = blockRun(moves[0]!.from, moves[0]!.length)
      const freeBefore = Number(run('stat', ['-f', '-c', '%f', mount.path]).stdout)
      await relocate(volume, moves, [old])
      // Free for a plan, in use for everybody else.
      expect(RunSet.of(await everywhere(volume)).contains(old)).to.equal(true)
      expect(Number(run('stat', ['-f', '-c', '%f', mount.path]).stdout)).to.be.below(freeBefore - 60)
      await relocate(
        volume,
        moves.map((move) => ({ ...move, from: move.to, to: move.from })),
      )
      expect(Number(run('stat', ['-f', '-c', '%f', mount.path]).stdout)).to.equal(freeBefore)
    })

    it('says what is already there, gone, changed, taken or no data', async () => {
      const fd = opened(openSync(path('plain'), 'w+'))
      writeSync(fd, Buffer.alloc(8 * block, 1))
      const {
        moves: [move],
      } = await gather('plain')
      expect((await relocate(volume, [move!]))[0]).to.include({ status: 'moved' })
      expect((await relocate(volume, [move!]))[0]).to.include({ status: 'already' })
      expect((await relocate(volume, [{ ...move!, from: fsBlock(move!.from + 1), to: move!.from }]))[0]).to.include({
        status: 'skipped',
        reason: 'changed',
      })
      expect((await relocate(volume, [{ ...move!, logical: 100 as never, length: 3 }]))[0]).to.include({
        status: 'gone',
      })
      const { inode } = (await volume.lookup('/folder0/file1'))!.file
      const [taken] = await volume.extents((await volume.byInode(inode))!)
      const before = physical(path('plain'))
      expect((await relocate(volume, [{ ...move!, length: 1, from: move!.to, to: taken!.physical }]))[0]).to.include({
        status: 'skipped',
        reason: 'taken',
      })
      expect(physical(path('plain'))).to.deep.equal(before)
      expect((await relocate(volume, [{ ...move!, inode: 4000, from: move!.to, to: move!.from }]))[0]).to.include({
        status: 'gone',
      })
      expect((await relocate(volume, [{ ...move!, kind: 'directory' }]))[0]).to.include({
        status: 'skipped',
        reason: 'mounted',
      })
      expect((await relocate(volume, [{ ...move!, to: fsBlock(1e9) }]))[0]).to.include({ status: 'skipped' })
    })

    it('leaves the page cache as it was', async () => {
      const fd = opened(openSync(path('warm'), 'w+'))
      writeSync(fd, Buffer.alloc(96 * block, 3))
      const { moves } = await gather('warm')
      const size = statSync(path('warm')).size
      fileAdvise(fd, 'dontNeed')
      readSync(fd, Buffer.alloc(size), 0, size, 0)
      fileAdvise(fd, 'dontNeed', 32 * block, 16 * block)
      const resident = residentRanges(fd, size)
      expect(resident.length).to.equal(2)
      expect((await relocate(volume, moves))[0]).to.include({ status: 'moved' })
      // What was read ahead again may take a moment.
      for (let wait = 0; wait < 100 && JSON.stringify(residentRanges(fd, size)) !== JSON.stringify(resident); wait++)
        await new Promise((resolve) => setTimeout(resolve, 10))
      expect(residentRanges(fd, size)).to.deep.equal(resident)
      fileAdvise(fd, 'dontNeed')
      expect(
        (
          await relocate(
            volume,
            moves.map((move) => ({ ...move, from: move.to, to: move.from })),
          )
        )[0],
      ).to.include({ status: 'moved' })
      expect(residentRanges(fd, size)).to.deep.equal([])
    })

    it('stops between files when asked to, and says what was left', async () => {
      const names = Array.from({ length: 200 }, (_, i) => `stop${i}`)
      for (const name of names) {
        const fd = openSync(path(name), 'w+')
        writeSync(fd, Buffer.alloc(2 * block, name))
        closeSync(fd)
      }
      await reopen()
      const home = (await everywhere(volume)).find(({ length }) => length > 500)!
      const moves: Move[] = []
      for (const [i, name] of names.entries()) {
        const { file } = (await volume.lookup(`/${name}`))!
        const [extent] = await volume.extents(file)
        moves.push({
          inode: file.inode,
          kind: 'data',
          logical: extent!.logical,
          length: 2,
          from: extent!.physical,
          to: fsBlock(home.start + 2 * i),
        })
      }
      const abort = new AbortController()
      const outcomes: MoveOutcome[] = []
      for await (const outcome of volume.relocate(moves, {
        reserved: [],
        signal: abort.signal,
        onProgress: (blocks) => blocks >= 20 && abort.abort(),
      }))
        outcomes.push(outcome)
      expect(outcomes).to.have.length(200)
      expect(outcomes.filter(({ status }) => status === 'moved')).to.have.length(10)
      expect(outcomes.filter(({ reason }) => reason === 'interrupted')).to.have.length(190)
      for (const name of names) expect(readFileSync(path(name)).equals(Buffer.alloc(2 * block, name))).to.equal(true)
    })

    it('moves a file with more extents than an inode has room for', async () => {
      const fd = opened(openSync(path('comb'), 'w+'))
      for (let i = 0; i < 700; i++) writeSync(fd, Buffer.alloc(block, i % 250), 0, block, 2 * i * block)
      const contents = readFileSync(path('comb'))
      const { moves, to } = await gather('comb')
      expect(moves).to.have.length(700)
      expect(new Set((await relocate(volume, moves)).map(({ status }) => status))).to.deep.equal(new Set(['moved']))
      expect(fiemap(fd).map((extent) => extent.physical / block)).to.deep.equal(
        Array.from({ length: 700 }, (_, i) => to + i),
      )
      expect(readFileSync(path('comb')).equals(contents)).to.equal(true)
    })
  })
})
