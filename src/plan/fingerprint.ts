import { createHash } from 'node:crypto'
import type { FileLayout } from '../layout/file-layout.js'
import type { Volume } from '../volume/volume.js'
import { layoutOf } from './resolve/boot-set.js'
import type { PlannedMove } from './plan.js'

/**
 * Layouts of every inode that rounds touch; deleted ones are left out.
 * @param now numbers that inodes have by now, by those the rounds know them by
 */
export async function touchedLayouts(
  volume: Volume,
  rounds: readonly (readonly PlannedMove[])[],
  now: ReadonlyMap<number, number> = new Map(),
): Promise<FileLayout[]> {
  const inodes = new Set(rounds.flat().map(({ inode }) => inode))
  const layouts: FileLayout[] = []
  for (const inode of [...inodes].sort((a, b) => a - b)) {
    const file = await volume.byInode(now.get(inode) ?? inode)
    if (file) layouts.push({ ...(await layoutOf(file, volume)), inode })
  }
  return layouts
}

/**
 * SHA-256 over where files lie, so that a plan made from another layout is told
 * apart. Sizes and names do not count: they may change without moving a block.
 * @param layouts sorted by inode number
 */
export function fingerprintOf(layouts: Iterable<FileLayout>): string {
  const hash = createHash('sha256')
  for (const { inode, extents, tree, xattr } of layouts) {
    hash.update(`${inode} ${xattr ?? '-'} ${tree.join(',')}`)
    for (const { logical, physical, length, unwritten } of extents)
      hash.update(` ${logical}:${physical}+${length}${unwritten ? 'u' : ''}`)
    hash.update('\n')
  }
  return hash.digest('hex')
}
