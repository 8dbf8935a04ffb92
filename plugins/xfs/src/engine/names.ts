/** Paths on a mounted filesystem, seen from its root: symlinks are followed inside it and never out of it. */
import { closeSync, constants, lstatSync, openSync, readlinkSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { unsupported } from 'bootpack/engine'
import { directoryEntries } from 'bootpack/kernel'

const mostLinks = 40

export interface Walked {
  readonly stats: Stats
  readonly path: string
  /** Directories and links on the way, outermost first, each once. */
  readonly through: readonly number[]
}

/** @returns undefined when nothing is there, or it is on another filesystem */
export function walk(mountPoint: string, path: string): Walked | undefined {
  const device = lstatSync(mountPoint).dev
  const through = new Set<number>()
  let wanted = path.split('/').filter((part) => part !== '' && part !== '.')
  let done: string[] = []
  let links = 0
  let stats = lstatSync(mountPoint)
  while (wanted.length > 0) {
    through.add(stats.ino)
    const [name, ...rest] = wanted
    if (name === '..') {
      done.pop()
      wanted = rest
      stats = lstatSync(join(mountPoint, ...done))
      continue
    }
    const found = lstatSync(join(mountPoint, ...done, name!), { throwIfNoEntry: false })
    if (!found || found.dev !== device) return undefined
    if (found.isSymbolicLink()) {
      if (++links > mostLinks)
        throw unsupported('too-many-links', `${path} leads through more than ${mostLinks} symlinks.`)
      through.add(found.ino)
      const link = readlinkSync(join(mountPoint, ...done, name!))
      if (link.startsWith('/')) {
        done = []
        stats = lstatSync(mountPoint)
      }
      wanted = [...link.split('/').filter((part) => part !== '' && part !== '.'), ...rest]
      continue
    }
    if (rest.length > 0 && !found.isDirectory()) return undefined
    done.push(name!)
    wanted = rest
    stats = found
  }
  return { stats, path: `/${done.join('/')}`, through: [...through] }
}

/** One path for each inode that has one; reads directories until all are found. */
export function findPaths(mountPoint: string, inodes: Iterable<number>): Map<number, string> {
  const wanted = new Set(inodes)
  const found = new Map<number, string>()
  const device = lstatSync(mountPoint).dev
  const root = lstatSync(mountPoint).ino
  if (wanted.delete(root)) found.set(root, '/')
  const queue = ['']
  for (let next = queue.shift(); next !== undefined && wanted.size > 0; next = queue.shift()) {
    const below = join(mountPoint, next)
    if (lstatSync(below, { throwIfNoEntry: false })?.dev !== device) continue
    for (const { inode, type, name } of entriesOf(below)) {
      const path = `${next}/${name.toString()}`
      if (wanted.delete(inode)) found.set(inode, path)
      if (type === 'directory') queue.push(path)
    }
  }
  return found
}

function entriesOf(path: string): ReturnType<typeof directoryEntries> {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NOATIME)
  } catch {
    return [] // It went meanwhile.
  }
  try {
    return directoryEntries(fd)
  } finally {
    closeSync(fd)
  }
}
