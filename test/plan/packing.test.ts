import { expect } from 'chai'
import { BootpackError } from '../../src/errors.js'
import { fsBlock } from '../../src/layout/block.js'
import { bootItems } from '../../src/plan/resolve/boot-items.js'
import { pack, type Packing } from '../../src/plan/place/packing.js'
import { roundsAreSound } from '../../src/plan/schedule/rounds.js'
import { PaperDisk, paperTrees, type PaperDiskRecipe } from '../support/paper-disk.js'
import { objectiveFor } from '../../src/plan/objective.js'

const objective = objectiveFor()

/** Packs some files of a paper disk, carries the rounds out and checks everything a packing promises. */
function packOnPaper(
  recipe: PaperDiskRecipe,
  bootFiles: number,
  evict: boolean,
): { disk: PaperDisk; packing: Packing; order: number[] } {
  const disk = new PaperDisk(recipe)
  const order = disk.random.shuffled(Array.from({ length: disk.files }, (_, i) => i + 1)).slice(0, bootFiles)
  const boot = disk.bootOf(order)
  const snapshot = disk.snapshot()
  const { items } = bootItems(boot, new Set(['data']), { metadata: true, granularity: 'file', trees: paperTrees })
  const extentsBefore = new Map(Array.from({ length: disk.files }, (_, i) => [i + 1, disk.extentsOf(i + 1).length]))
  const packing = pack(snapshot, {
    boot,
    items,
    goal: fsBlock(disk.random.between(0, recipe.blocks - 1)),
    exact: false,
    evict,
    objective,
  })!
  expect(roundsAreSound(packing.rounds, snapshot.free), 'rounds are sound').to.equal(true)
  for (const round of packing.rounds) disk.carryOut(round)

  for (const [inode, before] of extentsBefore) {
    if (!order.includes(inode))
      expect(disk.extentsOf(inode).length, `extents of bystander ${inode}`).to.be.at.most(before)
  }
  const places = order.flatMap((inode) => disk.extentsOf(inode).map(({ physical, length }) => ({ physical, length })))
  const breaks = places.filter(
    (place, i) => i > 0 && places[i - 1]!.physical + places[i - 1]!.length !== place.physical,
  ).length
  expect(breaks, 'breaks in read order').to.equal(packing.predicted.seeks)
  expect(breaks, 'breaks are gaps').to.be.at.most(packing.gaps.length)
  const written = packing.rounds.flat().reduce((sum, { length }) => sum + length, 0)
  expect(packing.cost.bytesWritten, 'cost is what the rounds write').to.equal(written * 4096)
  return { disk, packing, order }
}

describe('packing', () => {
  it('places the boot set in one run with eviction, on disks from empty to nearly full', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const used = [0.3, 0.6, 0.8, 0.9, 0.97][seed % 5]!
      const { packing } = packOnPaper({ seed, blocks: 4000, used, longestPiece: 12 }, 25, true)
      expect(packing.gaps, `gaps at seed ${seed}`).to.deep.equal([])
      expect(packing.predicted.seeks, `seeks at seed ${seed}`).to.equal(0)
    }
  })

  it('breaks the run only at fixed metadata when that cannot be avoided', () => {
    for (let seed = 1; seed <= 15; seed++) {
      const { packing } = packOnPaper(
        { seed, blocks: 4000, used: 0.85, longestPiece: 10, fixed: { runs: 40, length: 3 } },
        40,
        true,
      )
      expect(packing.gaps.length, `seed ${seed}`).to.be.greaterThan(0)
      for (const gap of packing.gaps) expect(gap.causes).to.deep.equal(['inode-table'])
    }
  })

  it('uses free space alone without eviction and moves nobody else', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { packing, order } = packOnPaper({ seed, blocks: 3000, used: 0.7, longestPiece: 8 }, 20, false)
      expect(packing.cost.evictedBlocks).to.equal(0)
      expect(packing.rounds.flat().every(({ inode }) => order.includes(inode))).to.equal(true)
    }
  })

  it('packs what is packed already without a move', () => {
    const { disk, packing, order } = packOnPaper({ seed: 5, blocks: 3000, used: 0.6, longestPiece: 8 }, 20, true)
    const boot = disk.bootOf(order)
    const { items } = bootItems(boot, new Set(['data']), { metadata: true, granularity: 'file', trees: paperTrees })
    const again = pack(disk.snapshot(), {
      boot,
      items,
      goal: packing.runs[0]!.start,
      exact: false,
      evict: true,
      objective,
    })!
    expect(again.rounds).to.deep.equal([])
    expect(again.cost.bytesWritten).to.equal(0)
  })

  it('turns a packed set round in place when its order is reversed, with one block free', () => {
    const { disk, packing, order } = packOnPaper({ seed: 6, blocks: 1000, used: 0.5, longestPiece: 8 }, 10, true)
    // Fill the rest but for one block: every move is part of a cycle.
    let left = 1
    disk.held.forEach((held, block) => {
      if (held === undefined && left-- <= 0) disk.held[block] = { inode: -1, logical: 0 }
    })
    const boot = disk.bootOf([...order].reverse())
    const { items } = bootItems(boot, new Set(['data']), { metadata: true, granularity: 'file', trees: paperTrees })
    const snapshot = disk.snapshot()
    const reversed = pack(snapshot, { boot, items, goal: packing.runs[0]!.start, exact: true, evict: true, objective })!
    expect(roundsAreSound(reversed.rounds, snapshot.free)).to.equal(true)
    for (const round of reversed.rounds) disk.carryOut(round)
    expect(reversed.predicted.seeks).to.equal(0)
  })

  it('says how much room is short when nothing is free at all', () => {
    const { disk, packing, order } = packOnPaper({ seed: 7, blocks: 600, used: 0.5, longestPiece: 8 }, 6, true)
    for (let block = 0; block < 600; block++) disk.held[block] ??= { inode: -1, logical: 0 }
    const boot = disk.bootOf([...order].reverse())
    const { items } = bootItems(boot, new Set(['data']), { metadata: true, granularity: 'file', trees: paperTrees })
    expect(() =>
      pack(disk.snapshot(), { boot, items, goal: packing.runs[0]!.start, exact: true, evict: true, objective }),
    )
      .to.throw(BootpackError, /not one block is free/)
      .with.property('exitCode', 7)
  })

  it('gives the same packing for the same snapshot', () => {
    const once = packOnPaper({ seed: 9, blocks: 3000, used: 0.8, longestPiece: 10 }, 20, true).packing
    const twice = packOnPaper({ seed: 9, blocks: 3000, used: 0.8, longestPiece: 10 }, 20, true).packing
    expect(JSON.stringify(twice)).to.equal(JSON.stringify(once))
  })
})
