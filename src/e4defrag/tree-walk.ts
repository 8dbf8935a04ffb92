/**
 * A directory tree as nftw(3) walks it with FTW_PHYS and FTW_MOUNT: a directory
 * before what is in it, entries in the order the kernel keeps them, links not
 * followed, other filesystems not entered.
 */
import { closeSync, constants, lstatSync, openSync, type BigIntStats } from 'node:fs'
import { directoryEntries, type EntryType } from '../kernel/getdents.js'
import { toBytes } from './bytes-text.js'

const openFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Paths of the tree below `top`, itself first; as latin1 text. */
export function* walkTree(top: string): Generator<{ readonly path: string; readonly stats: BigIntStats }> {
  const root = statOf(top)
  if (!root) return
  const pending = [{ path: top, stats: root }]
  for (let next = pending.pop(); next; next = pending.pop()) {
    yield next
    if (!next.stats.isDirectory()) continue
    const below: typeof pending = []
    for (const { name } of entriesIn(next.path)) {
      const path = next.path.endsWith('/') ? next.path + name : `${next.path}/${name}`
      const stats = statOf(path)
      if (stats && stats.dev === root.dev) below.push({ path, stats })
    }
    while (below.length > 0) pending.push(below.pop()!)
  }
}

/**
 * How many entries the walk meets, and how many of them are regular files; looks
 * closer only at directories, which may be other filesystems.
 */
export function countTree(top: string): { readonly total: number; readonly regular: number } {
  const root = statOf(top)
  let total = root ? 1 : 0
  let regular = root?.isFile() ? 1 : 0
  const pending = root?.isDirectory() ? [top] : []
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const { name, type } of entriesIn(next)) {
      if (type === 'directory' || type === 'unknown') {
        const path = next.endsWith('/') ? next + name : `${next}/${name}`
        const stats = statOf(path)
        if (!stats || stats.dev !== root!.dev) continue
        if (stats.isDirectory()) pending.push(path)
        if (stats.isFile()) regular++
      } else if (type === 'regular') regular++
      total++
    }
  }
  return { total, regular }
}

function entriesIn(path: string): { name: string; type: EntryType }[] {
  try {
    const fd = openSync(toBytes(path), openFlags)
    try {
      return directoryEntries(fd).map(({ name, type }) => ({ name: name.toString('latin1'), type }))
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
