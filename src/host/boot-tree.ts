/**
 * A mounted filesystem as layout/boot-loader-files.ts looks at it: by descriptors, within the
 * filesystem, so that nothing that is exchanged meanwhile, and no mount below, is touched.
 */
import { closeSync, constants, openSync, readlinkSync, readSync } from 'node:fs'
import { encodeName } from '../bytes/file-name.js'
import { asKernelError, errnoOf } from '../kernel/errno.js'
import { directoryEntries } from '../kernel/getdents.js'
import { statusOf } from '../kernel/statx.js'
import { bootLoaderFiles, mostConfiguration, type BootTree } from '../layout/boot-loader-files.js'
import { openHeld, withHeldAt } from './walk.js'

/** As many links as the kernel follows on one path. */
const mostLinks = 40
const dots = ['.', '..']

interface Shown {
  readonly inode: number
  readonly folder: boolean
  /** From the folder that is mounted, without links. */
  readonly names: readonly Buffer[]
}

/**
 * Inode numbers of files that must stay because a boot loader knows their blocks.
 * @param mountPoint where the filesystem, or a folder of it, is mounted
 * @param root       that folder, from the root of the filesystem; files elsewhere are not found
 * @param device     'major:minor' that must be there, when something else may be mounted over it
 * @returns undefined when it is another
 * @throws KernelError when the mount point cannot be read
 */
export async function mountedBootLoaderFiles(
  mountPoint: string | Buffer,
  root = '/',
  device?: string,
): Promise<Set<number> | undefined> {
  const top = asKernelError({ call: 'open', on: mountPoint.toString() }, () =>
    openSync(mountPoint, constants.O_RDONLY | constants.O_DIRECTORY),
  )
  try {
    if (device !== undefined && statusOf(top).device !== device) return undefined
    return await bootLoaderFiles(
      new MountedTree(
        top,
        root.split('/').filter((name) => name !== ''),
      ),
    )
  } finally {
    closeSync(top)
  }
}

class MountedTree implements BootTree<Shown> {
  private readonly top: number
  private readonly root: readonly string[]

  constructor(top: number, root: readonly string[]) {
    this.top = top
    this.root = root
  }

  at(path: string): Promise<Shown | undefined> {
    return Promise.resolve(this.find(path))
  }

  isFolder({ folder }: Shown): boolean {
    return folder
  }

  inode({ inode }: Shown): number {
    return inode
  }

  entries({ names }: Shown): Promise<Shown[]> {
    const found = this.within(names, (fd) => directoryEntries(fd), constants.O_DIRECTORY) ?? []
    return Promise.resolve(
      found.flatMap(({ inode, type, name }) => {
        const own = [...names, name]
        if (type !== 'unknown') return [{ inode, folder: type === 'directory', names: own }]
        return withHeldAt(this.top, own, (file) => [shown(file, own)]) ?? []
      }),
    )
  }

  text({ names }: Shown): Promise<string | undefined> {
    const bytes = Buffer.alloc(mostConfiguration)
    return Promise.resolve(this.within(names, (fd) => bytes.toString('latin1', 0, readSync(fd, bytes))))
  }

  /** Opens a regular file, or a folder where that is asked for. */
  private within<Result>(names: readonly Buffer[], use: (fd: number) => Result, flags = 0): Result | undefined {
    const type = flags === constants.O_DIRECTORY ? 'directory' : 'regular'
    const read = (held: number): Result => {
      const fd = openHeld({ fd: held }, constants.O_RDONLY | constants.O_NONBLOCK | flags)
      try {
        return use(fd)
      } finally {
        closeSync(fd)
      }
    }
    try {
      if (names.length === 0) return type === 'directory' ? read(this.top) : undefined
      return withHeldAt(this.top, names, (file) => (file.type === type ? read(file.fd) : undefined))
    } catch (error) {
      // Not ours to read.
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }

  /** As the kernel walks a path, with the root of the filesystem as the top of the world. */
  private find(path: string): Shown | undefined {
    const left = path.split('/').reverse()
    let walked: string[] = []
    let found: Shown | undefined
    let links = 0
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      if (name === '' || dots.includes(name)) {
        if (name === '..') walked.pop()
        found = undefined
        continue
      }
      const own = [...walked, name]
      const names = this.below(own)
      // On the way to the folder that is mounted, as far as it goes.
      if (names === undefined) {
        if (this.root[walked.length] !== name || own.length > this.root.length) return undefined
        walked = own
        continue
      }
      const next = this.look(names)
      if (next === undefined) return undefined
      if (typeof next !== 'string') {
        walked = own
        found = next
        continue
      }
      if (++links > mostLinks) return undefined
      if (next.startsWith('/')) walked = []
      left.push(...next.split('/').reverse())
    }
    if (found) return found
    const names = this.below(walked)
    const last = names && this.look(names)
    return typeof last === 'string' ? undefined : last
  }

  /** A path as it is seen from the folder that is mounted; undefined outside of it. */
  private below(path: readonly string[]): Buffer[] | undefined {
    if (path.length < this.root.length || this.root.some((name, i) => path[i] !== name)) return undefined
    return path.slice(this.root.length).map(encodeName)
  }

  /** What is there, or where the link that is there leads. */
  private look(names: readonly Buffer[]): Shown | string | undefined {
    if (names.length === 0) return { inode: statusOf(this.top).inode, folder: true, names }
    const parent = names.slice(0, -1)
    const name = names.at(-1)!
    return withHeldAt(this.top, names, (file) => {
      if (file.type !== 'symlink') return shown(file, names)
      const target = (folder: number): string =>
        readlinkSync(Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), name]), 'latin1')
      try {
        return parent.length === 0 ? target(this.top) : withHeldAt(this.top, parent, ({ fd }) => target(fd))
      } catch {
        // No link any more.
        return undefined
      }
    })
  }
}

const shown = (file: { readonly inode: number; readonly type: string }, names: readonly Buffer[]): Shown => ({
  inode: file.inode,
  folder: file.type === 'directory',
  names,
})
