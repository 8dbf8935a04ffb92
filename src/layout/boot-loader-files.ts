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
 *   every file directly in its folder stays, and what lilo.conf names elsewhere.
 * - zipl (s390) does the same with `bootmap`, for kernels, initial ramdisks and parameter
 *   files: everything below its folder stays, and what zipl.conf names elsewhere.
 * - SILO (SPARC) and quik (PowerPC) have the blocks of their second stage, `second.b`, in
 *   the first; that one reads the filesystem.
 *
 * Each place is looked for in the root as well, for an image of a separate /boot;
 * the map files there only when there is no /boot.
 * Directories themselves are read through the filesystem and may move.
 */

/** A filesystem as far as it has to be looked at; paths begin with '/' and links are followed. */
export interface BootTree<File extends object> {
  /** Undefined when nothing is there. */
  at(path: string): Promise<File | undefined>
  isFolder(file: File): boolean
  /** What is in a folder, but '.' and '..'. */
  entries(folder: File): Promise<readonly File[]>
  /** The same for two of the same file. */
  inode(file: File): number
  /** The beginning of a regular file, as latin1; undefined when it is no such file. */
  text(file: File): Promise<string | undefined>
}

/** Bytes of a configuration that are looked at. */
export const mostConfiguration = 1 << 16

/** Everything below these stays; SUSE gives zipl a folder or filesystem of its own. */
const folders = ['grub', 'grub2', 'extlinux', 'syslinux', 'zipl']
/** These files stay wherever they lie in a boot folder. */
const files = ['ldlinux.sys', 'extlinux.sys', 'ldlinux.c32', 'second.b']
/** With one of these in a boot folder, files of the folder stay: LILO's those directly in it, zipl's all. */
const mapFiles = [
  { name: 'map', below: false },
  { name: 'boot.map', below: false },
  { name: 'bootmap', below: true },
]
/** They name the map, and the files that are mapped. */
const configurations = ['/etc/lilo.conf', '/etc/zipl.conf']
const bootFolders = ['/boot', '/']

/** The loader of EXTLINUX 3; since 4 it is ldlinux.sys, and finds its folder by path. */
const loaderOfNumbers = 'extlinux.sys'

const join = (folder: string, name: string): string => `${folder === '/' ? '' : folder}/${name}`

/** Inode numbers of all files that must stay; directories are not among them. */
export async function bootLoaderFiles<File extends object>(tree: BootTree<File>): Promise<Set<number>> {
  const found = new Set<number>()
  for (const boot of bootFolders) {
    for (const name of folders) await addBelow(tree, await tree.at(join(boot, name)), found)
    for (const name of files) addFile(tree, await tree.at(join(boot, name)), found)
  }
  await addMapped(tree, found)
  return found
}

/** Paths of folders that may be known by inode number, and of the loader in each that would. */
export const numberedFolderPaths: readonly { readonly folder: string; readonly loader: string }[] = bootFolders
  .flatMap((boot) => [boot, ...folders.map((name) => join(boot, name))])
  .map((folder) => ({ folder, loader: join(folder, loaderOfNumbers) }))

async function addMapped<File extends object>(tree: BootTree<File>, found: Set<number>): Promise<void> {
  const boot = (await tree.at('/boot')) === undefined ? '/' : '/boot'
  const named = await configured(tree)
  let mapped = false
  for (const { name, below } of mapFiles) {
    if (!(await isFile(tree, join(boot, name)))) continue
    mapped = true
    const folder = await tree.at(boot)
    if (below) await addBelow(tree, folder, found)
    else for (const entry of folder === undefined ? [] : await tree.entries(folder)) addFile(tree, entry, found)
  }
  for (const path of named.maps) if (await isFile(tree, path)) mapped = true
  if (!mapped) return
  for (const path of [...named.maps, ...named.files]) addFile(tree, await tree.at(path), found)
}

interface Configured {
  readonly maps: readonly string[]
  /** What is mapped. */
  readonly files: readonly string[]
}

const setting = /^[ \t]*(\w+)[ \t]*=[ \t]*"?([^"\s#,]+)/gm

/** What lilo.conf and zipl.conf name; a load address may follow behind a comma. */
async function configured<File extends object>(tree: BootTree<File>): Promise<Configured> {
  const maps: string[] = []
  const mapped: string[] = []
  for (const configuration of configurations) {
    const file = await tree.at(configuration)
    const text = file === undefined ? undefined : await tree.text(file)
    for (const [, key, value] of (text ?? '').matchAll(setting)) {
      if (!value!.startsWith('/')) continue
      if (key === 'map') maps.push(value!)
      else if (key === 'target') maps.push(join(value!, 'bootmap'))
      else if (/^(?:image|other|initrd|ramdisk|parmfile|parameters|bitmap|message|install|loader)$/.test(key!))
        mapped.push(value!)
    }
  }
  return { maps, files: mapped }
}

async function isFile<File extends object>(tree: BootTree<File>, path: string): Promise<boolean> {
  const file = await tree.at(path)
  return file !== undefined && !tree.isFolder(file)
}

function addFile<File extends object>(tree: BootTree<File>, file: File | undefined, found: Set<number>): void {
  if (file !== undefined && !tree.isFolder(file)) found.add(tree.inode(file))
}

async function addBelow<File extends object>(
  tree: BootTree<File>,
  top: File | undefined,
  found: Set<number>,
): Promise<void> {
  const seen = new Set<number>()
  const pending = top === undefined ? [] : [top]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const inode = tree.inode(next)
    if (seen.has(inode)) continue
    seen.add(inode)
    if (tree.isFolder(next)) for (const entry of await tree.entries(next)) pending.push(entry)
    else found.add(inode)
  }
}
