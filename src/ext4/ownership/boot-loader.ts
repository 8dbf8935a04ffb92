/** Files and folders of boot loaders on ext4, read from the disk: see layout/boot-loader-files.ts. */
import {
  bootLoaderFiles as filesOf,
  mostConfiguration,
  numberedFolderPaths,
  type BootTree,
} from '../../layout/boot-loader-files.js'
import { ReadBudget, visitDirectory } from '../read/directory.js'
import { imageContents } from '../read/file-contents.js'
import type { Filesystem } from '../read/filesystem.js'
import { inodeFlag, type Inode } from '../format/inode.js'
import { walkPath } from '../read/path-walk.js'

/** Inode numbers of all files that must stay; directories are not among them. */
export const bootLoaderFiles = (filesystem: Filesystem): Promise<Set<number>> => filesOf(new DiskTree(filesystem))

class DiskTree implements BootTree<Inode> {
  private readonly filesystem: Filesystem
  private readonly budget: ReadBudget

  constructor(filesystem: Filesystem) {
    this.filesystem = filesystem
    // Every block once as part of a folder, and again for those looked at for their files only.
    this.budget = new ReadBudget(4 * filesystem.superblock.blockCount)
  }

  async at(path: string): Promise<Inode | undefined> {
    return (await walkPath(this.filesystem, path))?.inode
  }

  isFolder({ type }: Inode): boolean {
    return type === 'directory'
  }

  inode({ number }: Inode): number {
    return number
  }

  async entries(folder: Inode): Promise<Inode[]> {
    const numbers: number[] = []
    if ((folder.flags & inodeFlag.encrypted) !== 0) return []
    await visitDirectory(this.filesystem, folder, (_bytes, entry) => void numbers.push(entry), this.budget)
    const entries: Inode[] = []
    for (const number of numbers) entries.push(await this.filesystem.readInode(number))
    return entries
  }

  async text(file: Inode): Promise<string | undefined> {
    if (file.type !== 'regular') return undefined
    for await (const { offset, bytes } of imageContents(this.filesystem, file).pieces())
      return offset === 0 ? Buffer.from(bytes.subarray(0, mostConfiguration)).toString('latin1') : undefined
    return undefined
  }
}

const foldersOf = new WeakMap<Filesystem, Promise<ReadonlySet<number>>>()

/**
 * Folders that a boot loader knows by inode number: EXTLINUX 3 patches the one it is
 * installed in into its first sector. Looked for once, since they keep their numbers.
 */
export function numberedFolders(filesystem: Filesystem): Promise<ReadonlySet<number>> {
  let known = foldersOf.get(filesystem)
  if (!known) foldersOf.set(filesystem, (known = findNumberedFolders(filesystem)))
  return known
}

async function findNumberedFolders(filesystem: Filesystem): Promise<ReadonlySet<number>> {
  const found = new Set<number>()
  for (const { folder, loader } of numberedFolderPaths) {
    if ((await walkPath(filesystem, loader)) === undefined) continue
    const inode = await walkPath(filesystem, folder)
    if (inode) found.add(inode.inode.number)
  }
  return found
}
