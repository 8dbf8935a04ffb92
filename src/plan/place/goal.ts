import { usageError } from '../../errors.js'
import { fsBlock } from '../../layout/block.js'
import { runEnd } from '../../layout/run.js'
import type { Volume } from '../../volume/volume.js'
import type { BootSet } from '../resolve/boot-set.js'
import type { PlanGoal } from '../plan.js'

/**
 * The goal a directory gives: the physical block of its first block, as
 * e4defrag -r asked the kernel for it in 2007.
 * @throws usage when the path is no directory of the volume
 */
export async function goalOfDirectory(volume: Volume, directory: string): Promise<PlanGoal> {
  const found = await volume.lookup(directory)
  if (!found)
    throw usageError(
      'no-such-directory',
      `There is no ${directory} on this filesystem.`,
      'Give -r a directory as seen from the root of the filesystem.',
    )
  if (found.file.type !== 'directory')
    throw usageError('not-a-directory', `${directory} is not a directory.`, 'Give -r a directory.')
  const block = await volume.firstBlock(found.file)
  if (block !== undefined) return { block, chosenBy: 'directory', directory }
  // A directory kept inside its inode has no block; its parent's is the nearest thing.
  const parent = parentOf(directory)
  if (parent === directory)
    throw usageError('no-goal', `${directory} has no block of its own.`, 'Set the goal with --goal BLOCK.')
  return goalOfDirectory(volume, parent)
}

/** @throws usage when the block is not one of the filesystem */
export function goalAtBlock(volume: Volume, block: number): PlanGoal {
  const { blockCount, firstDataBlock } = volume.geometry()
  if (!Number.isInteger(block) || block < firstDataBlock || block >= blockCount) {
    throw usageError(
      'goal-outside',
      `The goal ${block} is not a block of this filesystem.`,
      `Give a block from ${firstDataBlock} to ${blockCount - 1}.`,
    )
  }
  return { block: fsBlock(block), chosenBy: 'flag' }
}

/**
 * Goals worth comparing besides the directory's: behind the inode tables that the
 * boot reads most, since boots go back and forth between tables and data.
 */
export function candidateGoals(volume: Volume, boot: BootSet): PlanGoal[] {
  const geometry = volume.geometry()
  const shape = volume.capabilities.inodeTables?.shape
  if (!shape) return []
  const perFlex = shape.inodesPerGroup * shape.groupsPerFlex
  const readsOfFlex = new Map<number, number>()
  for (const inode of [...boot.files, ...boot.through]) {
    const flex = Math.floor((inode - 1) / perFlex)
    readsOfFlex.set(flex, (readsOfFlex.get(flex) ?? 0) + 1)
  }
  const busiest = [...readsOfFlex].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0]
  if (!busiest) return []
  const from = geometry.firstDataBlock + busiest[0] * shape.groupsPerFlex * geometry.blocksPerGroup
  const tables = geometry.fixedRuns.filter(({ kind, start }) => kind === 'inode-table' && start >= from)
  const first = tables[0]
  if (!first) return []
  // The tables of a flex group lie end to end; the goal is right behind them.
  let end = runEnd(first)
  for (const table of tables) {
    if (table.start > end) break
    end = runEnd(table)
  }
  return end < geometry.blockCount ? [{ block: end, chosenBy: 'auto' }] : []
}

export function parentOf(path: string): string {
  const parent = path.replace(/\/[^/]*\/?$/, '')
  return parent === '' ? '/' : parent
}

/** The deepest directory that holds all of the paths. */
export function commonDirectory(paths: readonly string[]): string {
  let common: string[] | undefined
  for (const path of paths) {
    const folders = path.split('/').slice(1, -1)
    if (!common) common = folders
    else {
      let same = 0
      while (same < common.length && same < folders.length && common[same] === folders[same]) same++
      common = common.slice(0, same)
    }
  }
  return `/${(common ?? []).join('/')}`
}
