/**
 * From a path to an inode, the way the kernel walks it, but with the root of the
 * filesystem as the top of the world: an absolute link starts there again, ".."
 * does not leave it, and whatever is mounted over a directory in real life does
 * not exist.
 */
import { decodeName } from '../../bytes/file-name.js'
import { ReadBudget } from './directory.js'
import type { Filesystem } from './filesystem.js'
import type { Inode } from '../format/inode.js'
import { NameCache } from './name-cache.js'
import { readSymlink } from './symlink.js'

export const rootInode = 2

/** As many links as the kernel follows on one path. */
const mostLinks = 40

export interface PathWalk {
  readonly inode: Inode
  /** Without links and dots, starting with '/'. */
  readonly path: string
  /** Directories and symlinks on the way, outermost first, each once; not `inode` itself. */
  readonly through: readonly number[]
}

/**
 * @param path       absolute or relative to the root; a link at the end is followed too
 * @param cache      names found before; for many walks on one filesystem
 * @param followLast false: a link at the end is what is looked for
 * @returns undefined when nothing is there: a name is missing, a link leads
 *          nowhere or in a circle, or something on the way is no directory
 */
export async function walkPath(
  filesystem: Filesystem,
  path: string,
  cache = new NameCache(filesystem),
  followLast = true,
): Promise<PathWalk | undefined> {
  const through = new Set<number>()
  // Names still to go, the next one last.
  const names = componentsOf(path).reverse()
  // The directories we are in, the root first.
  let trail: { readonly inode: Inode; readonly name: string }[] = [
    { inode: await filesystem.readInode(rootInode), name: '' },
  ]
  // Twice, because a path may go through a directory again.
  const budget = new ReadBudget(2 * filesystem.superblock.blockCount)
  let links = 0
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    const here = trail.at(-1)!.inode
    if (here.type !== 'directory') return undefined
    through.add(here.number)
    if (name === '.') continue
    if (name === '..') {
      if (trail.length > 1) trail.pop()
      continue
    }
    const number = await cache.find(here, name, budget)
    if (number === undefined) return undefined
    const inode = await filesystem.readInode(number)
    if (inode.type !== 'symlink' || (!followLast && names.length === 0)) {
      trail.push({ inode, name })
      continue
    }
    through.add(number)
    const target = await readSymlink(filesystem, inode)
    if (++links > mostLinks || target === undefined || target.length === 0) return undefined
    const text = decodeName(target)
    if (text.startsWith('/')) trail = trail.slice(0, 1)
    names.push(...componentsOf(text).reverse())
  }
  const last = trail.at(-1)!
  through.delete(last.inode.number)
  return {
    inode: last.inode,
    path: trail.length === 1 ? '/' : trail.map(({ name }) => name).join('/'),
    through: [...through],
  }
}

const componentsOf = (path: string): string[] => path.split('/').filter((name) => name !== '')
