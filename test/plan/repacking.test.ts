import { expect } from 'chai'
import { fileBlock, fsBlock } from '../../src/layout/block.js'
import { blockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import { bootItems, type BootItem } from '../../src/plan/resolve/boot-items.js'
import type { BootSet } from '../../src/plan/resolve/boot-set.js'
import { cutAtRuns, findDrift, outOfOrder } from '../../src/plan/repair/drift.js'
import { pack, type Packing } from '../../src/plan/place/packing.js'
import { repack } from '../../src/plan/repair/repacking.js'
import { roundsAreSound } from '../../src/plan/schedule/rounds.js'
import { PaperDisk, paperTrees } from '../support/paper-disk.js'
import { Random } from '../support/random.js'
import { objectiveFor } from '../../src/plan/objective.js'

const objective = objectiveFor()

const itemsOf = (boot: BootSet): readonly BootItem[] =>
  bootItems(boot, new Set(['data']), { metadata: true, granularity: 'file', trees: paperTrees }).items

interface Packed {
  readonly disk: PaperDisk
  readonly order: number[]
  readonly packing: Packing
}

function packed(seed: number, used: number): Packed {
  const disk = new PaperDisk({ seed, blocks: 4000, used, longestPiece: 10 })
  const order = disk.random.shuffled(Array.from({ length: disk.files }, (_, i) => i + 1)).slice(0, 30)
  const boot = disk.bootOf(order)
  const packing = pack(disk.snapshot(), {
    boot,
    items: itemsOf(boot),
    goal: fsBlock(1000),
    exact: false,
    evict: true,
    objective,
  })!
  for (const round of packing.rounds) disk.carryOut(round)
  return { disk, order, packing }
}

/** As an upgrade does: the new file is written while the old one is there, then the old one goes. */
function replace({ disk, order, packing }: Packed, howMany: number): number[] {
  const run = RunSet.of(packing.runs)
  const made: number[] = []
  const old: number[] = []
  for (const inode of disk.random.shuffled(order).slice(0, howMany)) {
    const size = Math.max(
      1,
      disk.extentsOf(inode).reduce((sum, { length }) => sum + length, 0) + disk.random.between(-2, 2),
    )
    const next = ++disk.files
    for (let logical = 0, at = disk.random.below(4000); logical < size; at = (at + 1) % 4000) {
      if (disk.held[at] === undefined && !run.has(fsBlock(at))) disk.held[at] = { inode: next, logical: logical++ }
    }
    old.push(inode)
    made.push(next)
    order[order.indexOf(inode)] = next
  }
  disk.held.forEach((held, block) => {
    if (held && old.includes(held.inode)) disk.held[block] = undefined
  })
  return made
}

/** Somebody else writes into what became free in the run. */
function squat({ disk, packing }: Packed): void {
  const inode = ++disk.files
  let logical = 0
  for (const { start, length } of packing.runs) {
    for (let block: number = start; block < start + length; block++) {
      if (disk.held[block] === undefined && disk.random.chance(0.5)) disk.held[block] = { inode, logical: logical++ }
    }
  }
}

/** Breaks in reading the files whole, counted on the disk. */
function breaksOf(disk: PaperDisk, order: readonly number[]): number {
  const places = order.flatMap((inode) => disk.extentsOf(inode))
  return places.filter((place, i) => i > 0 && places[i - 1]!.physical + places[i - 1]!.length !== place.physical).length
}

describe('what has left a run', () => {
  it('is nothing right after packing, whether the plan tells the run or the layout', () => {
    for (let seed = 1; seed <= 15; seed++) {
      const { disk, order, packing } = packed(seed, 0.7)
      const boot = disk.bootOf(order)
      const plan = { runs: packing.runs } as Parameters<typeof findDrift>[2]
      expect(findDrift(itemsOf(boot), boot.layout, plan).drifted, `seed ${seed}`).to.deep.equal([])
      const found = findDrift(itemsOf(boot), boot.layout)
      expect(found.drifted, `seed ${seed}`).to.deep.equal([])
      expect(found.runs, `seed ${seed}`).to.deep.equal(packing.runs)
    }
  })

  it('is what was replaced', () => {
    for (let seed = 1; seed <= 15; seed++) {
      const all = packed(seed, 0.7)
      const made = replace(all, 5)
      const boot = all.disk.bootOf(all.order)
      const found = findDrift(itemsOf(boot), boot.layout, { runs: all.packing.runs } as Parameters<typeof findDrift>[2])
      expect(found.drifted.map(({ inode }) => inode).sort(), `seed ${seed}`).to.deep.equal(made.sort())
      for (const { inode, blocks, of, stretches } of found.drifted) {
        const extents = all.disk.extentsOf(inode)
        expect([blocks, of], `seed ${seed}`).to.deep.equal(
          Array<number>(2).fill(extents.reduce((sum, { length }) => sum + length, 0)),
        )
        expect(stretches).to.equal(new Set(extents.map(({ physical, logical }) => physical - logical)).size)
      }
    }
  })

  it('is not asked of a boot set that lies about', () => {
    const disk = new PaperDisk({ seed: 3, blocks: 4000, used: 0.7, longestPiece: 10 })
    const boot = disk.bootOf(disk.random.shuffled(Array.from({ length: disk.files }, (_, i) => i + 1)).slice(0, 30))
    expect(findDrift(itemsOf(boot), boot.layout).runs).to.deep.equal([])
  })

  it('cuts an item where a run begins or ends, and loses no block of it', () => {
    const disk = new PaperDisk({ seed: 4, blocks: 1000, used: 0.6, longestPiece: 20 })
    const items = itemsOf(disk.bootOf([1, 2, 3, 4, 5]))
    const runs = RunSet.of([blockRun(100, 57), blockRun(300, 200), blockRun(700, 5)])
    const blocks = (list: readonly BootItem[]): string[] =>
      list.flatMap(({ inode, logical, from, length }) =>
        Array.from({ length }, (_, i) => `${inode} ${logical + i} ${from + i}`),
      )
    const pieces = cutAtRuns(items, runs)
    expect(blocks(pieces)).to.deep.equal(blocks(items))
    for (const { from, length, inside } of pieces) {
      expect(inside ? runs.contains(blockRun(from, length)) : !runs.intersects(blockRun(from, length))).to.equal(true)
    }
  })
})

describe('mending a run', () => {
  it('brings back what left, moves nothing else of the boot, and keeps every promise of a packing', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const all = packed(seed, [0.4, 0.7, 0.9][seed % 3]!)
      const { disk, order, packing } = all
      const evict = seed % 2 === 0
      const made = replace(all, disk.random.between(1, 8))
      if (seed % 4 < 2) squat(all)
      const boot = disk.bootOf(order)
      const items = itemsOf(boot)
      const snapshot = disk.snapshot()
      const before = breaksOf(disk, order)
      const extents = new Map(Array.from({ length: disk.files }, (_, i) => [i + 1, disk.extentsOf(i + 1).length]))
      const contents = JSON.stringify(sizes(disk))
      const mended = repack(snapshot, { boot, items, runs: packing.runs, evict, mostBlocks: Infinity, objective })
      const why = `seed ${seed}`
      expect(roundsAreSound(mended.rounds, snapshot.free), why).to.equal(true)
      for (const round of mended.rounds) disk.carryOut(round)
      const moves = mended.rounds.flat()
      for (const { inode, why: reason } of moves) {
        if (order.includes(inode)) expect(made, why).to.include(inode)
        else expect([evict, reason], why).to.deep.equal([true, 'evict'])
      }
      for (const [inode, count] of extents)
        if (!order.includes(inode)) expect(disk.extentsOf(inode).length, why).to.be.at.most(count)
      expect(JSON.stringify(sizes(disk)), why).to.equal(contents)
      expect(mended.cost.bytesWritten, why).to.equal(moves.reduce((sum, { length }) => sum + length, 0) * 4096)
      const after = breaksOf(disk, order)
      expect(after, why).to.equal(mended.predicted.seeks)
      expect(after, why).to.be.at.most(before)
    }
  })

  it('puts a file of the same size back to where the old one was', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const all = packed(seed, 0.7)
      const { disk, order, packing } = all
      const at = disk.random.below(order.length)
      const old = disk.extentsOf(order[at]!)
      const size = old.reduce((sum, { length }) => sum + length, 0)
      const next = ++disk.files
      for (let logical = 0, block = 3999; logical < size; block--)
        if (disk.held[block] === undefined) disk.held[block] = { inode: next, logical: logical++ }
      disk.held.forEach((held, block) => {
        if (held?.inode === order[at]) disk.held[block] = undefined
      })
      order[at] = next
      const boot = disk.bootOf(order)
      const mended = repack(disk.snapshot(), {
        boot,
        items: itemsOf(boot),
        runs: packing.runs,
        evict: false,
        objective,
        mostBlocks: Infinity,
      })
      for (const round of mended.rounds) disk.carryOut(round)
      expect(disk.extentsOf(next), `seed ${seed}`).to.deep.equal(old)
      expect(mended.predicted.seeks, `seed ${seed}`).to.equal(packing.predicted.seeks)
    }
  })

  it('writes no more than it may, and what costs most seeks for its blocks first', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const all = packed(seed, 0.8)
      replace(all, 8)
      squat(all)
      const boot = all.disk.bootOf(all.order)
      const items = itemsOf(boot)
      const snapshot = all.disk.snapshot()
      const request = { boot, items, runs: all.packing.runs, evict: true }
      const full = repack(snapshot, { ...request, mostBlocks: Infinity, objective })
      let last = full.predicted.seeks
      for (const share of [0.75, 0.5, 0.25, 0]) {
        const mostBlocks = Math.floor((full.cost.bytesWritten / 4096) * share)
        const mended = repack(snapshot, { ...request, mostBlocks, objective })
        expect(mended.cost.bytesWritten, `seed ${seed}`).to.be.at.most(mostBlocks * 4096)
        if (share === 0) expect(mended.rounds).to.deep.equal([])
        expect(mended.predicted.seeks + 4, `seed ${seed}, ${share}`).to.be.at.least(last)
        last = mended.predicted.seeks
      }
    }
  })

  it('comes to an end, and never makes it worse on the way', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const all = packed(seed, 0.7)
      replace(all, 5)
      let runs = all.packing.runs
      let seeks = breaksOf(all.disk, all.order)
      let moved = -1
      for (let time = 0; moved !== 0; time++) {
        expect(time, `seed ${seed}`).to.be.below(6)
        const boot = all.disk.bootOf(all.order)
        const mended = repack(all.disk.snapshot(), {
          boot,
          items: itemsOf(boot),
          runs,
          evict: true,
          objective,
          mostBlocks: Infinity,
        })
        for (const round of mended.rounds) all.disk.carryOut(round)
        runs = mended.runs
        moved = mended.rounds.length
        expect(breaksOf(all.disk, all.order), `seed ${seed}`).to.be.at.most(seeks)
        seeks = breaksOf(all.disk, all.order)
      }
    }
  })

  it('brings files back that an upgrade put into holes of the run, where others belong', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const all = packed(seed, 0.7)
      const { disk, order, packing } = all
      // Two files of one size swap places: the new one of each lies where the old one of the other lay.
      const sized = order.map((inode) => ({ inode, size: disk.held.filter((held) => held?.inode === inode).length }))
      // With more between them than they are long: else one of the two counts as settled.
      const pair = sized.flatMap((first, i) =>
        sized
          .slice(i + 1)
          .flatMap((second, j) =>
            first.size === second.size &&
            sized.slice(i + 1, i + 1 + j).reduce((sum, { size }) => sum + size, 0) > first.size
              ? [[first, second] as const]
              : [],
          ),
      )[0]
      if (!pair) continue
      const [first, second] = pair
      disk.held.forEach((held, block) => {
        if (held?.inode === first.inode) disk.held[block] = { ...held, inode: second.inode }
        else if (held?.inode === second.inode) disk.held[block] = { ...held, inode: first.inode }
      })
      const boot = disk.bootOf(order)
      expect(breaksOf(disk, order), `seed ${seed}`).to.be.above(packing.predicted.seeks)
      const mended = repack(disk.snapshot(), {
        boot,
        items: itemsOf(boot),
        runs: packing.runs,
        evict: false,
        objective,
        mostBlocks: Infinity,
      })
      for (const round of mended.rounds) disk.carryOut(round)
      expect(breaksOf(disk, order), `seed ${seed}`).to.equal(packing.predicted.seeks)
      for (const { inode } of mended.rounds.flat())
        expect([first.inode, second.inode], `seed ${seed}`).to.include(inode)
    }
  })

  it('takes for displaced as few blocks as can be', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new Random(seed)
      const places = random.shuffled([0, 1, 2, 3, 4, 5, 6, 7])
      const pieces = places.map((place, i) => ({
        inode: i,
        kind: 'data' as const,
        logical: fileBlock(0),
        length: random.between(1, 9),
        from: fsBlock(place * 10),
        inside: random.chance(0.8),
      }))
      let best = 0
      for (let subset = 0; subset < 256; subset++) {
        const kept = pieces.filter(({ inside }, i) => inside && (subset >> i) & 1)
        if (kept.every(({ from }, i) => i === 0 || kept[i - 1]!.from < from))
          best = Math.max(
            best,
            kept.reduce((sum, { length }) => sum + length, 0),
          )
      }
      const out = outOfOrder(pieces)
      const settled = pieces.filter((piece) => piece.inside && !out.has(piece))
      expect(
        settled.every(({ from }, i) => i === 0 || settled[i - 1]!.from < from),
        `seed ${seed}`,
      ).to.equal(true)
      expect(
        settled.reduce((sum, { length }) => sum + length, 0),
        `seed ${seed}`,
      ).to.equal(best)
    }
  })
})

/** Blocks of every file. */
const sizes = (disk: PaperDisk): number[] =>
  Array.from({ length: disk.files }, (_, i) => disk.held.filter((held) => held?.inode === i + 1).length)
