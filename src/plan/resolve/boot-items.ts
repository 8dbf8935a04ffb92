import { fileBlock, fsBlock, type FileBlock, type FsBlock } from '../../layout/block.js'
import { treeBlocksOver, type TreeShape } from '../../layout/tree-size.js'
import { extent, mergeExtents, type Extent } from '../../layout/extent.js'
import { blocksOf, type FileLayout } from '../../layout/file-layout.js'
import type { OwnedKind } from '../../layout/owner.js'
import type { ImmovableReason } from '../../layout/reason.js'
import type { BootSet } from './boot-set.js'
import { fileRanges } from './file-ranges.js'
import type { Skip } from '../plan.js'

/** A run of blocks of one owner that wants a place in the boot run. */
export interface BootItem {
  readonly inode: number
  readonly kind: OwnedKind
  readonly logical: FileBlock
  readonly length: number
  readonly from: FsBlock
}

export interface BootItems {
  /** In the order they shall lie on the disk. */
  readonly items: readonly BootItem[]
  readonly skipped: readonly Skip[]
}

export interface BootItemOptions {
  /** False packs data only. */
  readonly metadata: boolean
  readonly granularity: Granularity
  /** Where the engine tells what trees need. */
  readonly trees: TreeShape | undefined
}

/** What of a file is placed: all of it, or the ranges a boot reads. */
export type Granularity = 'file' | 'range'

/**
 * The blocks of a boot in the order they shall lie: first what the kernel needs to
 * find files (directories in order of first need, then symlinks, tree blocks and
 * attribute blocks), then the files' data in order of first read.
 *
 * Metadata comes first because a directory is read before the files in it, by
 * several readers at once, while data is mostly read once; measured on a real boot
 * this order saved more than keeping each directory beside its files.
 *
 * First read, in the merged trace: of the orders tried on boots they were not made from
 * (by path, by inode, by median rank of files, grouped by being read together, by folder
 * within steps) none was better by more than chance (docs/benchmarks.md, test/bench/order-by-use.ts).
 *
 * By default whole files are placed, but for extents never written: they read as zeros without
 * the disk, so they would only be holes in the run. Tree blocks are placed only when packing leaves the tree
 * as large as it is: else it shrinks or vanishes, and which block stays is the
 * engine's choice. The blocks of an old block map go among the data they lead to.
 *
 * With granularity 'range', only the ranges of a file that are read are placed where
 * that pays (file-ranges.ts); the rest of the file stays where it is.
 *
 * @param movable what the engine can move
 */
export function bootItems(boot: BootSet, movable: ReadonlySet<OwnedKind>, options: BootItemOptions): BootItems {
  const { metadata, granularity, trees } = options
  const items: BootItem[] = []
  const skipped: Skip[] = []
  const skip = (file: FileLayout, kind: OwnedKind, reason: ImmovableReason, blocks: number): void => {
    skipped.push({ inode: file.inode, ...(file.path !== undefined && { path: file.path }), kind, reason, blocks })
  }
  const placeExtents = (file: FileLayout): void => {
    const blocks = blocksOf(file, file.kind)
    if (file.immovable) skip(file, file.kind, file.immovable, blocks)
    else if (blocks > 0 && !movable.has(file.kind)) skip(file, file.kind, 'mounted', blocks)
    else placeParts(file, file.extents)
  }
  const placeParts = (file: FileLayout, parts: readonly Extent[]): void => {
    const written = parts.filter(({ unwritten }) => !unwritten)
    const withMap = file.treeSpans !== undefined && metadata && movable.has('tree')
    items.push(...(withMap ? amongItsMap(file, written) : written.map((part) => itemOf(file, part))))
  }
  const placeBlocks = (file: FileLayout, kind: 'tree' | 'xattr', blocks: readonly FsBlock[]): void => {
    blocks.forEach((from, index) => items.push({ inode: file.inode, kind, logical: fileBlock(index), length: 1, from }))
  }

  const files = boot.files.map((inode) => boot.layout.get(inode)!)
  const through = boot.through.map((inode) => boot.layout.get(inode)!)
  if (metadata) {
    for (const kind of ['directory', 'symlink'] as const) {
      for (const file of through) if (file.kind === kind) placeExtents(file)
    }
    const all = [...through, ...files]
    for (const file of all) {
      if (file.treeSpans !== undefined) continue
      if (movable.has('tree') && !file.immovable && keepsItsTree(file, trees)) placeBlocks(file, 'tree', file.tree)
    }
    if (movable.has('xattr')) {
      const seen = new Set<FsBlock>()
      const attributed = new Set([...all.map(({ inode }) => inode), ...boot.attributes])
      for (const inode of attributed) {
        const file = boot.layout.get(inode)!
        // An attribute block may serve many inodes; it has one place.
        if (file.xattr === undefined || seen.has(file.xattr) || file.immovable) continue
        seen.add(file.xattr)
        placeBlocks(file, 'xattr', [fsBlock(file.xattr)])
      }
    }
  }
  const ranges = granularity === 'range' ? fileRanges(boot, trees) : undefined
  for (const file of files) {
    const parts = file.immovable || !movable.has(file.kind) ? undefined : ranges?.get(file.inode)
    if (!parts) placeExtents(file)
    else placeParts(file, parts)
  }
  return { items, skipped }
}

const itemOf = (file: FileLayout, { logical, physical, length }: Extent): BootItem => ({
  inode: file.inode,
  kind: file.kind,
  logical,
  length,
  from: physical,
})

/**
 * Parts of a file mapped by indirect blocks, and each block of its map right before the
 * first block it leads to: that is how the kernel allocates them and how it reads them.
 */
function amongItsMap(file: FileLayout, parts: readonly Extent[]): BootItem[] {
  const items: BootItem[] = []
  const spans = file.treeSpans!
  const placed = new Set<number>()
  for (const part of parts) {
    let done = 0
    const placeUpTo = (end: number): void => {
      if (end > done) items.push(itemOf(file, extent(part.logical + done, part.physical + done, end - done)))
      done = Math.max(done, end)
    }
    for (const [index, { logical, length }] of spans.entries()) {
      if (placed.has(index) || logical >= part.logical + part.length || logical + length <= part.logical) continue
      placed.add(index)
      placeUpTo(logical - part.logical)
      items.push({
        inode: file.inode,
        kind: 'tree',
        logical: fileBlock(index),
        length: 1,
        from: fsBlock(file.tree[index]!),
      })
    }
    placeUpTo(part.length)
  }
  return items
}

/** Whether the tree over the packed file has as many blocks as it has now. */
function keepsItsTree(file: FileLayout, trees: TreeShape | undefined): boolean {
  if (file.tree.length === 0 || !trees) return false
  let at = 0
  const packed = file.extents.map((old) => {
    if (old.unwritten) return old
    const physical = fsBlock(at)
    at += old.length
    return { ...old, physical }
  })
  return treeBlocksOver(mergeExtents(packed, trees.longestExtent).length, trees) === file.tree.length
}
