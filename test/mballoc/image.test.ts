/** The allocator on the free space of real filesystems; e2fsprogs says what that is before and after. */
import { expect } from 'chai'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fsBlock } from '../../src/layout/block.js'
import { blockRun, type BlockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import { Allocator } from '../../src/mballoc/allocator.js'
import { debugfs, debugfsWrite, makeImage, type ImageRecipe } from '../support/images.js'
import { Random } from '../support/random.js'
import { needTools, run, scratchFolder } from '../support/tools.js'

interface Dump {
  readonly geometry: { readonly blockCount: number; readonly firstDataBlock: number; readonly blocksPerGroup: number }
  readonly freeBlocks: number
  readonly groups: readonly { readonly count: number; readonly runs: readonly BlockRun[] }[]
}

/** What dumpe2fs says is free: the superblock's count, each descriptor's, and the bitmaps as ranges. */
function dump(image: string): Dump {
  const { stdout } = run('dumpe2fs', [image])
  const figure = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(stdout)![1])
  const groups = stdout
    .split(/^Group \d+:/m)
    .slice(1)
    .map((text) => ({
      count: Number(/^ {2}(\d+) free blocks/m.exec(text)![1]),
      runs: (/^ {2}Free blocks: (.*)$/m.exec(text)?.[1] ?? '')
        .split(', ')
        .filter((range) => range.trim() !== '')
        .map((range) => {
          const [first, last] = range.split('-').map(Number)
          return blockRun(first!, (last ?? first!) - first! + 1)
        }),
    }))
  return {
    geometry: {
      blockCount: figure('Block count'),
      firstDataBlock: figure('First block'),
      blocksPerGroup: figure('Blocks per group'),
    },
    freeBlocks: figure('Free blocks'),
    groups,
  }
}

/** No group is marked uninitialised: debugfs does not write the bitmap of one that is. */
const initialised = '^metadata_csum,^uninit_bg'

const recipes: readonly [string, ImageRecipe][] = [
  [
    '1 KiB blocks, a last group that is not whole',
    { size: 35 * 2 ** 20 + 5 * 1024, blockSize: 1024, features: initialised },
  ],
  [
    '4 KiB blocks, groups of 8200 blocks',
    { size: 150 * 2 ** 20, blockSize: 4096, features: `${initialised},^resize_inode`, more: ['-g', '8200'] },
  ],
  ['64-bit, without flex_bg', { size: 40 * 2 ** 20, blockSize: 1024, features: `${initialised},64bit,^flex_bg` }],
]

describe('the allocator on real filesystems', function () {
  let folder: { path: string; remove: () => void }

  before(function () {
    needTools(this, 'mke2fs', 'dumpe2fs', 'debugfs')
    folder = scratchFolder()
  })

  after(() => folder?.remove())

  for (const [name, recipe] of recipes) {
    it(`${name}: gives out only free blocks, and takes exactly those`, () => {
      const random = new Random(11)
      const tree = join(folder.path, `tree-${recipe.size}`)
      mkdirSync(tree)
      for (let i = 0; i < 60; i++) writeFileSync(join(tree, `file${i}`), Buffer.alloc(random.between(1, 40_000), i))
      const image = join(folder.path, `${recipe.size}.img`)
      const scattered = Array.from({ length: 40 }, (_, i) => `rm file${(i * 7) % 60}`)
      makeImage(image, { ...recipe, tree, debugfs: scattered })

      const { geometry, freeBlocks, groups } = dump(image)
      const allocator = new Allocator({
        geometry,
        loadGroup: (group) => groups[group]!.runs,
        freeCount: (group) => groups[group]!.count,
      })
      expect(allocator.freeBlocks).to.equal(freeBlocks)

      const taken = RunSet.of([])
      for (let i = 0; i < 60; i++) {
        const runs = allocator.allocate({
          goal: fsBlock(random.between(geometry.firstDataBlock, geometry.blockCount - 1)),
          length: random.pick([1, 3, 8, 100, 1000]),
          flags: { contiguous: random.chance(0.7), fixedLength: true },
          strategy: random.pick(['criteria', 'best-fit']),
        })
        for (const one of runs ?? []) {
          expect(taken.intersects(one)).to.equal(false)
          taken.add(one)
        }
      }
      allocator.checkInvariants()
      expect(taken.blocks).to.be.greaterThan(1000)
      for (const one of taken) {
        const words = debugfs(image, `testb ${one.start} ${one.length}`)
        expect(words.match(/not in use/g)).to.have.length(one.length)
      }

      debugfsWrite(
        image,
        [...taken].map((one) => `setb ${one.start} ${one.length}`),
      )
      const left = RunSet.of(dump(image).groups.flatMap((group) => group.runs))
      expect(
        allocator.freeRuns(blockRun(geometry.firstDataBlock, geometry.blockCount - geometry.firstDataBlock)),
      ).to.deep.equal([...left])
      expect(allocator.largestFree()).to.deep.equal(left.longest())
    })
  }
})
