/**
 * A directory tree as nftw(3) walks it with FTW_PHYS and FTW_MOUNT: a directory
 * before what is in it, entries in the order the kernel keeps them, links not
 * followed, other filesystems not entered.
 */
import { closeSync, constants, lstatSync, openSync, type BigIntStats } from 'node:fs'
import { directoryEntries } from '../kernel/getdents.js'
import { toBytes } from './bytes-text.js'

const openFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Paths of the tree below `top`, itself first; as latin1 text. */
export function* walkTree(top: string): Generator<{ readonly path: string, readonly stats: BigIntStats }> {
  const root = statOf(top)
  if (!root) return
  const pending = [{ path: top, stats: root }]
  for (let next = pending.pop(); next; next = pending.pop()) {
    yield next
    if (!next.stats.isDirectory()) continue
    const below: typeof pending = []
    for (const name of namesIn(next.path)) {
      const path = next.path.endsWith('/') ? next.path + name : `${next.path}/${name}`
      const stats = statOf(path)
      if (stats && stats.dev === root.dev) below.push({ path, stats })
    }
    while (below.length > 0) pending.push(below.pop()!)
  }
}

function namesIn(path: string): string[] {
  try {
    const fd = openSync(toBytes(path), openFlags)
    try {
      return directoryEntries(fd).map(({ name }) => name.toString('latin1'))
    } finally {
      closeSync(fd)
    }
  } catch {
    // Not to be read, or gone: as nftw, go on without.
    return []
  }
}

/** Undefined when nothing is there, or it may not be looked at. */
export function statOf(path: string): BigIntStats | undefined {
  try {
    return lstatSync(toBytes(path), { bigint: true, throwIfNoEntry: false })
  } catch {
    return undefined
  }
}
