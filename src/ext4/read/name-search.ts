/**
 * Paths of given inodes: directories are read from the root down, a level at a
 * time, until every wanted inode has a name. A level is read in the order it lies
 * on disk, many directories at once.
 */
import { decodeName } from '../../bytes/file-name.js'
import { ReadBudget, visitDirectory } from './directory.js'
import { mapKind, readSmallMap, rootTreeBlocks } from './file-map.js'
import type { Filesystem } from './filesystem.js'
import { inodeFlag, type Inode } from '../format/inode.js'
import { rootInode } from './path-walk.js'

/** Directories that are brought in at once. */
const batch = 256
/** PATH_MAX, and a bound on memory: a chain of directories would else cost its length squared in names. */
const longestPath = 4096
/** First blocks of a directory that are brought in with the others'. */
const blocksAhead = 8

/**
 * One path for each wanted inode that has one, the first that is met. Names below
 * encrypted directories cannot be read and count as none, as do those too long for
 * any program to use.
 */
export async function findPaths(filesystem: Filesystem, wanted: Iterable<number>): Promise<Map<number, string>> {
  const open = new Set(wanted)
  const paths = new Map<number, string>()
  if (open.delete(rootInode)) paths.set(rootInode, '/')
  const typed = filesystem.superblock.features.names.has('filetype')
  const seen = new Set([rootInode])
  const budget = new ReadBudget(filesystem.superblock.blockCount)
  let level = new Map<number, string>([[rootInode, '']])
  while (level.size > 0 && open.size > 0) {
    const below = new Map<number, string>()
    const numbers = [...level.keys()]
    for (let at = 0; at < numbers.length && open.size > 0; at += batch) {
      for (const directory of await readDirectories(filesystem, numbers.slice(at, at + batch))) {
        const prefix = level.get(directory.number)!
        await visitDirectory(
          filesystem,
          directory,
          (bytes, inode, type, start, end) => {
            const descend = (type === 'directory' || (!typed && inode !== directory.number)) && !seen.has(inode)
            const found = open.has(inode)
            if (!descend && !found) return false
            const path = `${prefix}/${decodeName(bytes.subarray(start, end))}`
            if (path.length >= longestPath) return false
            if (found) {
              paths.set(inode, path)
              open.delete(inode)
            }
            if (descend) {
              seen.add(inode)
              below.set(inode, path)
            }
            return open.size === 0
          },
          budget,
        )
        if (open.size === 0) break
      }
    }
    level = below
  }
  return paths
}

/** Those of the inodes that are readable directories, their first blocks brought in. */
async function readDirectories(filesystem: Filesystem, numbers: readonly number[]): Promise<Inode[]> {
  const inRange = numbers.filter((number) => filesystem.inodeInRange(number))
  await filesystem.blocks.prefetch(inRange.map((number) => filesystem.inodeHome(number).block))
  const directories: Inode[] = []
  for (const number of inRange) {
    const inode = await filesystem.readInode(number)
    if (inode.type === 'directory' && (inode.flags & inodeFlag.encrypted) === 0) directories.push(inode)
  }
  await filesystem.blocks.prefetch(directories.flatMap((inode) => firstDirectoryBlocks(filesystem, inode)))
  return directories
}

/** The first blocks of a directory, or of its tree; unchecked, to bring them in before reading many. */
export function firstDirectoryBlocks(filesystem: Filesystem, inode: Inode): number[] {
  const kind = mapKind(inode, filesystem.superblock)
  if (kind === 'none') return []
  const small = readSmallMap(filesystem, inode, kind)
  if (!small) return rootTreeBlocks(inode, kind).filter((block) => block < filesystem.superblock.blockCount)
  const blocks: number[] = []
  for (const { physical, length } of small) {
    for (let i = 0; i < length && blocks.length < blocksAhead; i++) blocks.push(physical + i)
  }
  return blocks
}
