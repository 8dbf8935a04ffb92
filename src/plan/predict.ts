import { fsBlock, type FsBlock } from '../layout/block.js'
import { relocateExtents } from '../layout/extent.js'
import { treeBlocksOver, type TreeShape } from '../layout/tree-size.js'
import type { DiskLayout, FileLayout } from '../layout/file-layout.js'
import type { PlannedMove } from './plan.js'

/**
 * The layout after rounds of moves, as far as the files in `layout` go. Files that
 * do not move are the same objects as before. A tree that becomes smaller is taken to
 * keep its first blocks, as engines do.
 * @param trees what trees need; as they are where the engine does not tell
 */
export function layoutAfter(
  layout: DiskLayout,
  rounds: readonly (readonly PlannedMove[])[],
  trees: TreeShape | undefined,
): DiskLayout {
  const after = new Map(layout)
  for (const round of rounds) {
    const byInode = new Map<number, PlannedMove[]>()
    for (const move of round) {
      const moves = byInode.get(move.inode)
      if (moves) moves.push(move)
      else byInode.set(move.inode, [move])
    }
    const blocks = new Map<FsBlock, FsBlock>()
    for (const move of round) if (move.kind === 'xattr') blocks.set(move.from, move.to)
    for (const [inode, moves] of byInode) {
      const file = after.get(inode)
      if (file) after.set(inode, moveFile(file, moves, trees))
    }
    // An attribute block is one block for all inodes that share it.
    if (blocks.size > 0) {
      for (const [inode, file] of after) {
        const to = file.xattr === undefined ? undefined : blocks.get(file.xattr)
        if (to !== undefined) after.set(inode, { ...file, xattr: to })
      }
    }
  }
  return after
}

function moveFile(file: FileLayout, moves: readonly PlannedMove[], trees: TreeShape | undefined): FileLayout {
  const own = moves.filter(({ kind }) => kind === file.kind)
  const extents = own.length === 0 ? file.extents : relocateExtents(file.extents, own)
  const shrinks = trees !== undefined && own.length > 0 && file.treeSpans === undefined
  const places = new Map(moves.filter(({ kind }) => kind === 'tree').map(({ from, to }) => [from, to]))
  return {
    ...file,
    extents,
    tree: file.tree
      .map((block) => places.get(block) ?? fsBlock(block))
      .slice(0, shrinks ? treeBlocksOver(extents.length, trees) : file.tree.length),
  }
}
