/**
 * Files whose blocks a boot loader knows by number. Moving them is safe for the
 * filesystem and deadly for the machine: the loader reads the old blocks, before
 * anything that could know better runs. So they stay, all of them, although most
 * installations would survive.
 *
 * - GRUB embeds a block list of core.img where the gap before the first partition
 *   is too small, and writes grubenv in place by blocks: everything below its folder.
 * - EXTLINUX and SYSLINUX patch the sectors of ldlinux.sys into the boot sector:
 *   everything below their folders, and ldlinux.sys by itself.
 * - LILO's map file lists the sectors of kernels and is itself listed in the boot
 *   sector; the kernels it names would have to stay too, so with a map file present
 *   every file directly in its folder stays.
 *
 * Each place is looked for in the root as well, for an image of a separate /boot;
 * the map file there only when there is no /boot.
 * Directories themselves are read through the filesystem and may move.
 */
import { ReadBudget, visitDirectory } from '../read/directory.js'
import type { Filesystem } from '../read/filesystem.js'
import { inodeFlag } from '../format/inode.js'
import { walkPath } from '../read/path-walk.js'

/** Everything below these stays. */
const folders = ['grub', 'grub2', 'extlinux', 'syslinux']
/** These files stay wherever they lie in a boot folder. */
const files = ['ldlinux.sys', 'extlinux.sys', 'ldlinux.c32']
/** With one of these in a boot folder, every file of the folder stays. */
const mapFiles = ['map', 'boot.map']
const bootFolders = ['/boot', '/']

/** Inode numbers of all files that must stay; directories are not among them. */
export async function bootLoaderFiles(filesystem: Filesystem): Promise<Set<number>> {
  const found = new Set<number>()
  for (const boot of bootFolders) {
    for (const name of folders) await addBelow(filesystem, await inodeAt(filesystem, join(boot, name)), found)
    for (const name of files) {
      const inode = await inodeAt(filesystem, join(boot, name))
      if (inode !== undefined) found.add(inode)
    }
  }
  const boot = (await inodeAt(filesystem, '/boot')) === undefined ? '/' : '/boot'
  for (const name of mapFiles) {
    const map = await walkPath(filesystem, join(boot, name))
    if (map?.inode.type !== 'regular') continue
    for (const inode of await entriesOf(filesystem, await inodeAt(filesystem, boot))) {
      if ((await filesystem.readInode(inode)).type !== 'directory') found.add(inode)
    }
  }
  return found
}

/** The loader of EXTLINUX 3; since 4 it is ldlinux.sys, and finds its folder by path. */
const loaderOfNumbers = 'extlinux.sys'

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
  for (const path of bootFolders.flatMap((boot) => [boot, ...folders.map((name) => join(boot, name))])) {
    if ((await inodeAt(filesystem, join(path, loaderOfNumbers))) !== undefined)
      found.add((await inodeAt(filesystem, path))!)
  }
  return found
}

const join = (folder: string, name: string): string => `${folder === '/' ? '' : folder}/${name}`

const inodeAt = async (filesystem: Filesystem, path: string): Promise<number | undefined> =>
  (await walkPath(filesystem, path))?.inode.number

async function addBelow(filesystem: Filesystem, top: number | undefined, found: Set<number>): Promise<void> {
  const seen = new Set<number>()
  const budget = new ReadBudget(filesystem.superblock.blockCount)
  const pending = top === undefined ? [] : [top]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    const inode = await filesystem.readInode(next)
    if (inode.type !== 'directory') found.add(next)
    else if ((inode.flags & inodeFlag.encrypted) === 0)
      for (const entry of await entriesOf(filesystem, next, budget)) pending.push(entry)
  }
}

async function entriesOf(
  filesystem: Filesystem,
  directory: number | undefined,
  budget?: ReadBudget,
): Promise<number[]> {
  const entries: number[] = []
  if (directory === undefined) return entries
  const inode = await filesystem.readInode(directory)
  if (inode.type === 'directory')
    await visitDirectory(
      filesystem,
      inode,
      (_bytes, entry) => {
        entries.push(entry)
      },
      budget,
    )
  return entries
}
