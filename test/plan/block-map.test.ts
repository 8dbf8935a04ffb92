import { expect } from 'chai'
import { extent, type Extent } from '../../src/layout/extent.js'
import { fileBlock, fsBlock } from '../../src/layout/block.js'
import { blockRun } from '../../src/layout/run.js'
import type { FileLayout } from '../../src/layout/file-layout.js'
import type { OwnedRun } from '../../src/layout/owner.js'
import { bootItems, type Granularity } from '../../src/plan/resolve/boot-items.js'
import type { BootSet } from '../../src/plan/resolve/boot-set.js'
import type { PlannedMove } from '../../src/plan/plan.js'
import { layoutAfter } from '../../src/plan/predict.js'
import { treeGrowthOnTheWay } from '../../src/plan/place/tree-room.js'
import { treeShape } from '../../src/ext4/read/extent-tree.js'

const trees = treeShape(1024)

/** A file of 1100 blocks in 1 KiB blocks: single indirect at 12, double at 268, and under it four more. */
const layout: FileLayout = {
  inode: 5,
  kind: 'data',
  size: 1100 << 10,
  extents: [extent(0, 1000, 500), extent(500, 4000, 600)],
  tree: [21, 22, 23, 24, 25, 26].map(fsBlock),
  treeSpans: [
    [12, 256],
    [268, 65536],
    [268, 256],
    [524, 256],
    [780, 256],
    [1036, 256],
  ].map(([logical, length]) => ({ logical: fileBlock(logical!), length: length! })),
}

const boot = (reads: readonly [number, number][], extents: readonly Extent[] = layout.extents): BootSet => ({
  reads: reads.map(([block, length]) => ({ kind: 'data', inode: 5, block, length })),
  files: [5],
  through: [],
  attributes: [],
  missing: [],
  blocks: { held: 0, nowhere: 0, besidesFiles: true },
  layout: new Map([[5, { ...layout, extents }]]),
})

const items = (
  reads: readonly [number, number][],
  granularity: Granularity,
  metadata = true,
  movable: ('data' | 'tree')[] = ['data', 'tree'],
): string[] =>
  bootItems(boot(reads), new Set(movable), { metadata, granularity, trees }).items.map(
    ({ kind, logical, length, from }) =>
      kind === 'tree' ? `map ${logical} at ${from}` : `${logical} to ${logical + length - 1} at ${from}`,
  )

describe('files mapped by indirect blocks, in a plan', () => {
  it('have each map block right before the first block it leads to', () => {
    expect(items([[0, 1100]], 'file')).to.deep.equal([
      '0 to 11 at 1000',
      'map 0 at 21',
      '12 to 267 at 1012',
      'map 1 at 22',
      'map 2 at 23',
      '268 to 499 at 1268',
      '500 to 523 at 4000',
      'map 3 at 24',
      '524 to 779 at 4024',
      'map 4 at 25',
      '780 to 1035 at 4280',
      'map 5 at 26',
      '1036 to 1099 at 4536',
    ])
  })

  it('leave the map blocks of parts that are not read where they are', () => {
    expect(
      items(
        [
          [0, 5],
          [900, 10],
        ],
        'range',
      ),
    ).to.deep.equal([
      '0 to 4 at 1000',
      'map 1 at 22',
      'map 4 at 25',
      '900 to 1035 at 4400',
      'map 5 at 26',
      '1036 to 1099 at 4536',
    ])
  })

  it('leave their map alone where only data is asked for, or the engine cannot', () => {
    for (const only of [items([[0, 1100]], 'file', false), items([[0, 1100]], 'file', true, ['data'])])
      expect(only).to.deep.equal(['0 to 499 at 1000', '500 to 1099 at 4000'])
  })

  it('keep their map however they lie, and need no room for it to grow', () => {
    const moves: PlannedMove[] = Array.from({ length: 250 }, (_, i) => ({
      inode: 5,
      kind: 'data',
      logical: fileBlock(i * 2),
      length: 1,
      from: fsBlock(1000 + i * 2),
      to: fsBlock(9000 + i),
      why: 'evict',
    }))
    const after = layoutAfter(new Map([[5, layout]]), [moves], trees).get(5)!
    expect(after.extents.length).to.be.greaterThan(400)
    expect(after.tree).to.deep.equal(layout.tree)
    const owned = (indirect: boolean): OwnedRun[] =>
      layout.extents.map(({ logical, physical, length }) => ({
        ...blockRun(physical, length),
        kind: 'data',
        inode: 5,
        logical,
        unwritten: false,
        ...(indirect && { indirect: true }),
      }))
    expect(treeGrowthOnTheWay([moves], owned(true), trees)).to.equal(0)
    expect(treeGrowthOnTheWay([moves], owned(false), trees)).to.be.greaterThan(0)
  })
})
