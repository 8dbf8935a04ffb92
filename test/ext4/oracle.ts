/** What e2fsprogs says about an image, in our terms. */
import { extent, type Extent } from '../../src/layout/extent.js'
import type { FixedKind } from '../../src/layout/owner.js'
import { blockRun, type BlockRun } from '../../src/layout/run.js'
import type { FixedRun } from '../../src/volume/volume.js'
import { debugfsAll } from '../support/images.js'
import { run } from '../support/tools.js'

export interface DumpedGroups {
  /** In the order dumpe2fs gives them, not joined. */
  readonly fixed: readonly FixedRun[]
  /** Sorted, joined across groups. */
  readonly free: readonly BlockRun[]
}

/** Fixed metadata and free blocks as dumpe2fs lists them. */
export function dumpedGroups(image: string): DumpedGroups {
  const fixed: FixedRun[] = []
  const free: BlockRun[] = []
  const add = (kind: FixedKind, first: string, last = first): void => {
    fixed.push({ ...blockRun(Number(first), Number(last) - Number(first) + 1), kind })
  }
  for (const line of run('dumpe2fs', [image]).stdout.split('\n')) {
    const mmp = /^MMP block number:\s+(\d+)$/.exec(line)
    if (mmp) add('mmp', mmp[1]!)
    const superblock = /(?:Primary|Backup) superblock at (\d+)/.exec(line)
    if (superblock) add('superblock', superblock[1]!)
    const descriptors = /Group descriptors? at (\d+)(?:-(\d+))?/.exec(line)
    if (descriptors) add('group-descriptors', descriptors[1]!, descriptors[2])
    const reserved = /Reserved GDT blocks at (\d+)-(\d+)/.exec(line)
    if (reserved) add('reserved-descriptors', reserved[1]!, reserved[2])
    const blockBitmap = /Block bitmap at (\d+)/.exec(line)
    if (blockBitmap) add('block-bitmap', blockBitmap[1]!)
    const inodeBitmap = /Inode bitmap at (\d+)/.exec(line)
    if (inodeBitmap) add('inode-bitmap', inodeBitmap[1]!)
    const table = /Inode table at (\d+)(?:-(\d+))?/.exec(line)
    if (table) add('inode-table', table[1]!, table[2])
    const blocks = /^ {2}Free blocks: (.+)$/.exec(line)
    for (const part of blocks?.[1]!.split(', ') ?? []) {
      const [first, last = first] = part.split('-').map(Number)
      const before = free.at(-1)
      if (before && before.start + before.length === first)
        free[free.length - 1] = { ...before, length: last! - before.start + 1 }
      else free.push(blockRun(first!, last! - first! + 1))
    }
  }
  return { fixed, free }
}

/** Inode that holds each of the blocks, by debugfs icheck; no entry where nobody does. */
export function checkedOwners(image: string, blocks: readonly number[]): Map<number, number> {
  const owners = new Map<number, number>()
  const requests: string[] = []
  // debugfs cuts longer lines without a word.
  for (let at = 0; at < blocks.length; at += 400) requests.push(`icheck ${blocks.slice(at, at + 400).join(' ')}`)
  for (const line of debugfsAll(image, requests).split('\n')) {
    const found = /^(\d+)\t(\d+)$/.exec(line)
    if (found) owners.set(Number(found[1]), Number(found[2]))
  }
  return owners
}

export interface DumpedTree {
  readonly extents: readonly Extent[]
  readonly treeBlocks: readonly number[]
}

/** Extent trees by debugfs dump_extents: leaves as stored, blocks of nodes in depth-first order. */
export function dumpedTrees(image: string, inodes: readonly number[]): Map<number, DumpedTree> {
  const trees = new Map<number, { extents: Extent[]; treeBlocks: number[] }>()
  let tree: { extents: Extent[]; treeBlocks: number[] } | undefined
  for (const line of debugfsAll(
    image,
    inodes.map((inode) => `dump_extents <${inode}>`),
  ).split('\n')) {
    const echo = /^debugfs: dump_extents <(\d+)>$/.exec(line)
    if (echo) trees.set(Number(echo[1]), (tree = { extents: [], treeBlocks: [] }))
    const fields =
      /^\s*(\d+)\/\s*(\d+)\s+\d+\/\s*\d+\s+(\d+) -\s*(\d+)\s+(\d+)(?: -\s*(\d+))?\s+(\d+)\s*(Uninit)?\s*$/.exec(line)
    if (!fields || !tree) continue
    const [, level, depth, logical, , physical, , length, unwritten] = fields
    if (level === depth)
      tree.extents.push(extent(Number(logical), Number(physical), Number(length), unwritten !== undefined))
    else tree.treeBlocks.push(Number(physical))
  }
  return trees
}

/** Blocks of indirect-mapped inodes by debugfs, map blocks among them, ascending. */
export function dumpedBlocks(image: string, inodes: readonly number[]): Map<number, number[]> {
  const found = new Map<number, number[]>()
  const lines = debugfsAll(
    image,
    inodes.map((inode) => `blocks <${inode}>`),
  ).split('\n')
  for (const [index, line] of lines.entries()) {
    const echo = /^debugfs: blocks <(\d+)>$/.exec(line)
    if (echo)
      found.set(
        Number(echo[1]),
        (lines[index + 1] ?? '')
          .trim()
          .split(/\s+/)
          .filter(Boolean)
          .map(Number)
          .sort((a, b) => a - b),
      )
  }
  return found
}

/** Inodes that dumpe2fs says the filesystem keeps for itself: journal, quotas, orphan file. */
export function specialInodes(image: string): number[] {
  const header = run('dumpe2fs', ['-h', image]).stdout
  return [...header.matchAll(/^(?:Journal|User quota|Group quota|Project quota|Orphan file) inode:\s+(\d+)$/gm)].map(
    ([, inode]) => Number(inode),
  )
}
