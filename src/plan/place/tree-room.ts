/**
 * Blocks that extent trees grow by while a plan is carried out. A file whose blocks leave
 * in parts is in more pieces on the way than before or after, and its tree may need a
 * block then; the engine takes one that the plan does not name. On a nearly full disk
 * that, and not the rounds, is what there is no room for.
 */
import { extent, relocateExtents, type Extent } from '../../layout/extent.js'
import { treeBlocksOver, type TreeShape } from '../../layout/tree-size.js'
import type { OwnedRun } from '../../layout/owner.js'
import type { PlannedMove } from '../plan.js'

/**
 * The most blocks that trees grow by at any time, all files together. Extents outside
 * `owned` are not counted: then it may be more. Block maps do not grow.
 * @param owned who held what before the first round, sorted by block
 */
export function treeGrowthOnTheWay(
  rounds: readonly (readonly PlannedMove[])[],
  owned: readonly OwnedRun[],
  trees: TreeShape,
): number {
  const files = extentsOf(
    new Set(
      rounds
        .flat()
        .filter(isContents)
        .map(({ inode }) => inode),
    ),
    owned,
  )
  const before = new Map([...files].map(([inode, extents]) => [inode, treeBlocksOver(extents.length, trees)]))
  const grown = new Map<number, number>()
  let now = 0
  let most = 0
  for (const round of rounds) {
    for (const [inode, moves] of byInode(round.filter(isContents))) {
      const extents = relocateExtents(files.get(inode)!, moves)
      files.set(inode, extents)
      const growth = Math.max(0, treeBlocksOver(extents.length, trees) - before.get(inode)!)
      now += growth - (grown.get(inode) ?? 0)
      grown.set(inode, growth)
    }
    most = Math.max(most, now)
  }
  return most
}

const isContents = ({ kind }: { readonly kind: OwnedRun['kind'] }): boolean => kind === 'data' || kind === 'directory'

function extentsOf(inodes: ReadonlySet<number>, owned: readonly OwnedRun[]): Map<number, Extent[]> {
  const files = new Map<number, Extent[]>([...inodes].map((inode) => [inode, []]))
  for (const run of owned) {
    if (isContents(run) && !run.indirect)
      files.get(run.inode)?.push(extent(run.logical, run.start, run.length, run.unwritten))
  }
  for (const extents of files.values()) extents.sort((a, b) => a.logical - b.logical)
  return files
}

function byInode(moves: readonly PlannedMove[]): Map<number, PlannedMove[]> {
  const found = new Map<number, PlannedMove[]>()
  for (const move of moves) {
    const own = found.get(move.inode)
    if (own) own.push(move)
    else found.set(move.inode, [move])
  }
  return found
}
