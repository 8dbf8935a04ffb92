import { expect } from 'chai'
import { fsBlock, type FsBlock } from '../../src/layout/block.js'
import { extent, type Extent } from '../../src/layout/extent.js'
import type { FileLayout } from '../../src/layout/file-layout.js'
import type { BootRead } from '../../src/measure/boot-read.js'
import { diskModels, referenceModel } from '../../src/measure/disk-model.js'
import type { BootSet } from '../../src/plan/resolve/boot-set.js'
import { bridgeBlocks } from '../../src/preload/gap-merging.js'
import { sweepCost } from '../../src/preload/cost.js'
import { partUnit } from '../../src/preload/file-parts.js'
import { deviceUnit, planSweep, type SweepOptions } from '../../src/preload/prefetch-plan.js'
import type { Geometry } from '../../src/volume/volume.js'
import { Random } from '../support/random.js'

const model = diskModels.find(({ name }) => name === referenceModel)!
const options: SweepOptions = { model, mostBytes: 2 ** 40, mostEntries: 1e6 }

const geometry = (blockSize: number, blockCount: number): Geometry => ({
  uuid: '',
  blockSize,
  blockCount,
  firstDataBlock: 0,
  blocksPerGroup: 32768,
  groupCount: Math.ceil(blockCount / 32768),
  fixedRuns: [
    { start: fsBlock(0), length: 1, kind: 'superblock' },
    { start: fsBlock(1), length: 4, kind: 'group-descriptors' },
    { start: fsBlock(5), length: 3, kind: 'block-bitmap' },
    { start: fsBlock(8), length: 3, kind: 'inode-bitmap' },
    { start: fsBlock(11), length: 500, kind: 'inode-table' },
  ],
})

interface Made {
  readonly boot: BootSet
  readonly homes: Map<number, FsBlock>
}

/** Files of every kind thrown over a disk, and reads of parts of them. */
function makeBoot(random: Random, { blockCount, blockSize }: Geometry): Made {
  const free = random.shuffled(Array.from({ length: blockCount / 64 - 10 }, (_, i) => 640 + i * 64))
  const layout = new Map<number, FileLayout>()
  const homes = new Map<number, FsBlock>()
  const reads: BootRead[] = []
  const files: number[] = []
  const through: number[] = []
  for (let inode = 11; inode < 11 + random.between(3, 25); inode++) {
    const kind = random.chance(0.6) ? 'data' : random.chance(0.8) ? 'directory' : 'symlink'
    let logical = 0
    const extents: Extent[] = Array.from({ length: random.below(5) }, () => {
      logical += random.chance(0.3) ? random.below(300) : 0
      const length = random.between(1, 64)
      const made = extent(logical, free.pop()!, length, kind === 'data' && random.chance(0.15))
      logical += length
      return made
    })
    const blocks = (count: number): FsBlock[] => Array.from({ length: count }, () => fsBlock(free.pop()!))
    layout.set(inode, {
      inode,
      kind,
      path: `/f${inode}`,
      size: Math.max(0, logical * blockSize - random.below(blockSize)),
      extents,
      tree: random.chance(0.2) ? blocks(random.between(1, 3)) : [],
      ...(random.chance(0.2) && { xattr: blocks(1)[0]! }),
    })
    homes.set(inode, fsBlock(11 + random.below(500)))
    ;(kind === 'data' ? files : through).push(inode)
    for (let n = random.below(4); n > 0 && kind !== 'symlink'; n--) {
      const block = random.below(logical + 1)
      reads.push({ kind, inode, block, length: random.between(1, 80) })
    }
  }
  for (let n = random.below(6); n > 0; n--)
    reads.push({ kind: 'device', inode: 0, block: random.below(700), length: random.between(1, 40) })
  return {
    boot: {
      reads: random.shuffled(reads),
      files,
      through,
      attributes: [],
      layout,
      missing: [],
      blocks: { held: 0, nowhere: 0, besidesFiles: true },
    },
    homes,
  }
}

/** Block by block, without a set of runs. */
function wantedBlocks({ boot, homes }: Made, { blockCount }: Geometry): Set<number> {
  const wanted = new Set<number>()
  const add = (block: number): void => {
    if (block < blockCount) wanted.add(block)
  }
  const at = (file: FileLayout, block: number): number | undefined => {
    const holder = file.extents.find(
      ({ logical, length, unwritten }) => !unwritten && logical <= block && block < logical + length,
    )
    return holder && holder.physical + block - holder.logical
  }
  for (const [inode, file] of boot.layout) {
    add(homes.get(inode)!)
    file.tree.forEach(add)
    if (file.xattr !== undefined) add(file.xattr)
    const recorded = boot.reads.some((read) => read.kind === 'directory' && read.inode === inode)
    if (file.kind !== 'data' && !recorded)
      for (const { physical, length } of file.extents) for (let i = 0; i < length; i++) add(physical + i)
  }
  for (const { kind, inode, block, length } of boot.reads) {
    for (let i = block; i < block + length; i++) {
      if (kind === 'device') add(i)
      if (kind === 'directory') {
        const physical = at(boot.layout.get(inode)!, i)
        if (physical !== undefined) add(physical)
      }
    }
  }
  return wanted
}

describe('the sweep', () => {
  it('reads through what is no longer than a jump takes', () => {
    const disk = { blockSize: 4096, blockCount: 524_288 }
    const bridge = bridgeBlocks(model, disk)
    // 0.5 ms + 4.17 ms + a little for the distance, at 120 MB/s: about 590 kB.
    expect(bridge * 4096).to.be.within(560_000, 620_000)
    expect(
      bridgeBlocks(
        diskModels.find(({ name }) => name === 'ssd')!,
        disk,
      ),
    ).to.be.within(10, 13)
    const jump = (gap: number): number =>
      model.milliseconds(
        [
          { start: fsBlock(0), length: 1 },
          { start: fsBlock(gap + 1), length: 1 },
        ],
        4096,
        disk.blockCount,
      )
    const through = (gap: number): number =>
      model.milliseconds([{ start: fsBlock(0), length: gap + 2 }], 4096, disk.blockCount)
    expect(through(bridge)).to.be.at.most(jump(bridge))
    expect(through(bridge + 1)).to.be.above(jump(bridge + 1))
  })

  it('covers the metadata of the boot set once, in order, and nothing that a jump would be cheaper than', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = new Random(seed)
      const disk = geometry(random.pick([1024, 4096]), 16_384)
      const made = makeBoot(random, disk)
      const sweep = planSweep(made.boot, disk, made.homes, options)
      const wanted = wantedBlocks(made, disk)
      const bridge = bridgeBlocks(model, disk)
      const unit = deviceUnit / disk.blockSize
      const sorted = [...wanted].sort((a, b) => a - b)
      const covered = new Map<number, number>()
      let end = -1
      for (const { start, length } of sweep.metadata) {
        expect(start, `seed ${seed}`).to.be.above(end)
        expect(start % unit, `seed ${seed}`).to.equal(0)
        end = start + length
        expect(end === disk.blockCount || end % unit === 0, `seed ${seed}`).to.equal(true)
        for (let block: number = start; block < end; block++) covered.set(block, (covered.get(block) ?? 0) + 1)
      }
      for (const block of wanted) expect(covered.get(block), `seed ${seed}, block ${block}`).to.equal(1)
      for (const block of covered.keys()) {
        const after = sorted.find((each) => each >= block) ?? Infinity
        const before = sorted.findLast((each) => each <= block) ?? -Infinity
        const why = after - before - 1 <= bridge || block - before < unit || after - block < unit
        expect(why, `seed ${seed}, block ${block} between ${before} and ${after}`).to.equal(true)
      }
      expect(
        Object.values(sweep.wanted).reduce((sum, each) => sum + each, 0),
        `seed ${seed}`,
      ).to.equal(wanted.size)
    }
  })

  it('covers the data the boot reads once, in the order of the disk', () => {
    let partial = 0
    for (let seed = 1; seed <= 150; seed++) {
      const random = new Random(seed)
      const disk = geometry(random.pick([1024, 4096]), 16_384)
      // A small bridge, so that random files are cut.
      const tight = {
        ...options,
        model: {
          ...model,
          milliseconds: (reads: readonly { start: number; length: number }[]) =>
            reads.reduce((sum, { length }) => sum + length + 6, 0),
        },
      }
      const made = makeBoot(random, disk)
      const sweep = planSweep(made.boot, disk, made.homes, tight)
      const bridge = bridgeBlocks(tight.model, disk)
      expect(bridge, 'of the model above').to.equal(6)
      const firsts = sweep.files.map(({ first }) => first)
      expect(firsts, `seed ${seed}`).to.deep.equal([...firsts].sort((a, b) => a - b))
      for (const inode of made.boot.files) {
        const file = made.boot.layout.get(inode)!
        const end = Math.ceil(file.size / disk.blockSize)
        const written = (block: number): boolean =>
          block < end &&
          file.extents.some(
            ({ logical, length, unwritten }) => !unwritten && logical <= block && block < logical + length,
          )
        const read = new Set<number>()
        for (const each of made.boot.reads) {
          if (each.kind === 'data' && each.inode === inode)
            for (let i = each.block; i < each.block + each.length; i++) if (written(i)) read.add(i)
        }
        const swept = sweep.files.filter((each) => each.inode === inode)
        expect(swept.length, `seed ${seed}, inode ${inode}`).to.equal(read.size > 0 ? 1 : 0)
        if (swept.length === 0) continue
        const parts = swept[0]!.parts ?? [{ offset: 0, length: Math.ceil(file.size / partUnit) * partUnit }]
        if (swept[0]!.parts) partial++
        const covered = new Map<number, number>()
        for (const { offset, length } of parts) {
          expect(offset % partUnit || length % partUnit).to.equal(0)
          for (let at = offset; at < offset + length; at += disk.blockSize)
            covered.set(at / disk.blockSize, (covered.get(at / disk.blockSize) ?? 0) + 1)
        }
        for (const block of read) expect(covered.get(block), `seed ${seed}, inode ${inode}, block ${block}`).to.equal(1)
        const sorted = [...read].sort((a, b) => a - b)
        for (const block of covered.keys()) {
          if (!written(block) || read.has(block)) continue
          const before = sorted.findLast((each) => each < block) ?? -1
          const after = sorted.find((each) => each > block) ?? end
          let gap = 0
          for (let i = before + 1; i < after; i++) if (written(i)) gap++
          const page = partUnit / disk.blockSize
          expect(
            gap <= bridge || block - before < page || after - block < page,
            `seed ${seed}, inode ${inode}, block ${block} was read in vain`,
          ).to.equal(true)
        }
      }
    }
    expect(partial).to.be.above(20)
  })

  it('reads no more than the bound, metadata first, then what the boot needs first', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed)
      const disk = geometry(4096, 16_384)
      const made = makeBoot(random, disk)
      const whole = planSweep(made.boot, disk, made.homes, options)
      const mostBytes = random.below(whole.bytes + 4096)
      const sweep = planSweep(made.boot, disk, made.homes, { ...options, mostBytes })
      expect(sweep.bytes, `seed ${seed}`).to.be.at.most(mostBytes)
      const left = sweep.leftOut.map(({ inode }) => inode)
      const rank = (inode: number): number => made.boot.files.indexOf(inode)
      for (const { inode, bytes } of sweep.files) {
        // Whoever was left out before it was larger than the room there was then.
        for (const other of left)
          if (rank(other) < rank(inode))
            expect(sweep.leftOut.find((each) => each.inode === other)!.bytes, `seed ${seed}`).to.be.at.least(bytes)
      }
      expect(sweep.files.length + left.length, `seed ${seed}`).to.equal(whole.files.length)
    }
  })

  it('reads what was read of the device as such, but not a whole device', () => {
    const disk = geometry(4096, 1 << 20)
    const boot = (...reads: [number, number][]): BootSet => ({
      reads: reads.map(([block, length]) => ({ kind: 'device', inode: 0, block, length })),
      files: [],
      through: [],
      attributes: [],
      layout: new Map(),
      missing: [],
      blocks: { held: 0, nowhere: 0, besidesFiles: true },
    })
    const probed = (...reads: [number, number][]): number =>
      planSweep(boot(...reads), disk, new Map(), options).wanted.probe
    expect(probed([1, 3], [1_048_570, 6], [1_048_575, 1])).to.equal(9)
    expect(probed([10_000, 600], [20_000, 1_000_000], [30_000, 300], [40_000, 200])).to.equal(900)
  })

  it('says of a model what it leaves to the boot', () => {
    const disk = geometry(4096, 16_384)
    const file = (inode: number, physical: number): [number, FileLayout] => [
      inode,
      { inode, kind: 'data', path: `/${inode}`, size: 40_960, extents: [extent(0, physical, 10)], tree: [] },
    ]
    const layout = new Map([file(11, 9000), file(12, 1000), file(13, 5000)])
    const reads: BootRead[] = [11, 12, 13].map((inode) => ({ kind: 'data', inode, block: 0, length: 10 }))
    const boot: BootSet = {
      reads: [...reads, { kind: 'device', inode: 0, block: 15_000, length: 1 }],
      files: [11, 12, 13],
      through: [],
      attributes: [],
      layout,
      missing: [],
      blocks: { held: 0, nowhere: 0, besidesFiles: true },
    }
    const sweep = planSweep(
      boot,
      disk,
      new Map([
        [11, fsBlock(20)],
        [12, fsBlock(21)],
        [13, fsBlock(500)],
      ]),
      options,
    )
    expect(sweep.files.map(({ inode }) => inode)).to.deep.equal([12, 13, 11])
    expect(sweep.metadata).to.deep.equal([
      { start: 16, length: 8 },
      { start: 496, length: 8 },
      { start: 15_000, length: 8 },
    ])
    const cost = sweepCost(sweep, boot, disk, model)
    expect(cost).to.include({ sweepSeeks: 5, restSeeks: 0 })
    const ms = (...runs: [number, number][]): number =>
      Math.round(
        model.milliseconds(
          runs.map(([start, length]) => ({ start: fsBlock(start), length })),
          4096,
          disk.blockCount,
        ) * 100,
      ) / 100
    expect(cost.sweepMs).to.equal(ms([16, 8], [496, 8], [15_000, 8], [1000, 10], [5000, 10], [9000, 10]))
    expect(cost.restMs).to.equal(0)
    expect(cost.withoutMs).to.equal(ms([9000, 10], [1000, 10], [5000, 10], [15_000, 1]))
  })
})
