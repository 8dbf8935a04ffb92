/**
 * A disk on paper: one entry per block saying who owns it. Makes snapshots for the
 * planner from it and carries rounds out on it, checking after every round what an
 * engine relies on. The brute-force side of the planner's property tests.
 */
import { extent, mergeExtents, type Extent } from '../../src/layout/extent.js'
import { fileBlock, fsBlock } from '../../src/layout/block.js'
import { treeShape } from '../../src/ext4/read/extent-tree.js'
import type { FileLayout } from '../../src/layout/file-layout.js'
import type { OwnedRun } from '../../src/layout/owner.js'
import { blockRun, type BlockRun } from '../../src/layout/run.js'
import { RunSet } from '../../src/layout/run-set.js'
import type { BootSet } from '../../src/plan/resolve/boot-set.js'
import type { Snapshot } from '../../src/plan/resolve/snapshot.js'
import type { PlannedMove } from '../../src/plan/plan.js'
import type { Geometry } from '../../src/volume/volume.js'
import { Random } from './random.js'

interface Held {
  readonly inode: number
  readonly logical: number
}

const fixedInode = -1

/** What ext4's extent trees need with blocks of 4 KiB. */
export const paperTrees = treeShape(4096)

export interface PaperDiskRecipe {
  readonly seed: number
  readonly blocks: number
  /** Share of the disk in use, 0 to 1. */
  readonly used: number
  /** Longest piece a file is written in. */
  readonly longestPiece: number
  /** Fixed metadata: so many runs of so many blocks, spread evenly. */
  readonly fixed?: { readonly runs: number; readonly length: number }
}

export class PaperDisk {
  readonly held: (Held | undefined)[]
  readonly random: Random
  files = 0

  readonly recipe: PaperDiskRecipe

  constructor(recipe: PaperDiskRecipe) {
    this.recipe = recipe
    this.random = new Random(recipe.seed)
    this.held = new Array<Held | undefined>(recipe.blocks)
    const { runs, length } = recipe.fixed ?? { runs: 0, length: 0 }
    for (let i = 0; i < runs; i++) {
      const start = Math.floor((i * recipe.blocks) / runs)
      for (let block = start; block < start + length; block++) this.held[block] = { inode: fixedInode, logical: 0 }
    }
    this.fill()
  }

  /** Writes files in pieces into random holes until the disk is as full as asked. */
  private fill(): void {
    const { blocks, used, longestPiece } = this.recipe
    let usedBlocks = this.held.filter(Boolean).length
    while (usedBlocks < blocks * used) {
      const inode = ++this.files
      let logical = 0
      const size = this.random.between(1, longestPiece * 4)
      while (logical < size && usedBlocks < blocks * used) {
        const piece = Math.min(size - logical, this.random.between(1, longestPiece))
        let at = this.random.between(0, blocks - 1)
        while (this.held[at]) at = (at + 1) % blocks
        for (let i = 0; i < piece && at < blocks && !this.held[at] && usedBlocks < blocks * used; i++) {
          this.held[at++] = { inode, logical: logical++ }
          usedBlocks++
        }
      }
    }
  }

  extentsOf(inode: number): Extent[] {
    const pieces: Extent[] = []
    this.held.forEach((held, block) => {
      if (held?.inode === inode) pieces.push(extent(held.logical, block, 1))
    })
    return mergeExtents(pieces.sort((a, b) => a.logical - b.logical))
  }

  geometry(): Geometry {
    const fixedRuns = this.runsWhere((held) => held?.inode === fixedInode).map((run) => ({
      ...run,
      kind: 'inode-table' as const,
    }))
    return {
      uuid: 'paper',
      blockSize: 4096,
      blockCount: this.recipe.blocks,
      firstDataBlock: 0,
      blocksPerGroup: 32768,
      groupCount: Math.ceil(this.recipe.blocks / 32768),
      fixedRuns,
    }
  }

  runsWhere(wanted: (held: Held | undefined) => boolean): BlockRun[] {
    const set = new RunSet()
    for (let block = 0; block < this.recipe.blocks; block++) {
      if (wanted(this.held[block])) set.add(blockRun(block, 1))
    }
    return [...set]
  }

  snapshot(): Snapshot {
    const owned: OwnedRun[] = this.geometry().fixedRuns.map((run) => ({
      ...run,
      kind: run.kind,
      inode: 0,
      logical: fileBlock(0),
      unwritten: false,
      immovable: 'fixed-metadata',
    }))
    for (let inode = 1; inode <= this.files; inode++) {
      for (const { logical, physical, length } of this.extentsOf(inode)) {
        owned.push({ start: physical, length, kind: 'data', inode, logical, unwritten: false })
      }
    }
    owned.sort((a, b) => a.start - b.start)
    return {
      geometry: this.geometry(),
      movable: new Set(['data']),
      trees: paperTrees,
      region: { start: fsBlock(0), length: this.recipe.blocks },
      free: RunSet.of(this.runsWhere((held) => held === undefined)),
      owned,
    }
  }

  /** A boot that reads these files whole, in this order. */
  bootOf(inodes: readonly number[]): BootSet {
    const layout = new Map(
      inodes.map((inode): [number, FileLayout] => {
        const extents = this.extentsOf(inode)
        const blocks = extents.reduce((sum, { length }) => sum + length, 0)
        return [inode, { inode, path: `/${inode}`, kind: 'data', size: blocks * 4096, extents, tree: [] }]
      }),
    )
    return {
      reads: inodes.map((inode) => ({
        kind: 'data' as const,
        inode,
        block: 0,
        length: layout.get(inode)!.size / 4096,
      })),
      files: inodes,
      through: [],
      attributes: [],
      layout,
      missing: [],
      blocks: { held: 0, nowhere: 0, besidesFiles: true },
    }
  }

  /** Carries out one round; throws when a target is not free or a source is not where the move says. */
  carryOut(round: readonly PlannedMove[]): void {
    for (const { inode, logical, from, to, length } of round) {
      for (let i = 0; i < length; i++) {
        if (this.held[to + i]) throw new Error(`target ${to + i} is not free`)
        const held = this.held[from + i]
        if (held?.inode !== inode || held.logical !== logical + i)
          throw new Error(`source ${from + i} does not hold ${inode}:${logical + i}`)
      }
    }
    // Copies first, so that two moves onto one block are noticed.
    for (const { inode, logical, to, length } of round) {
      for (let i = 0; i < length; i++) {
        if (this.held[to + i]) throw new Error(`two moves onto block ${to + i}`)
        this.held[to + i] = { inode, logical: logical + i }
      }
    }
    for (const { from, length } of round) for (let i = 0; i < length; i++) this.held[from + i] = undefined
  }
}
