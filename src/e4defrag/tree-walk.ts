/**
 * A directory tree as nftw(3) walks it with FTW_PHYS and FTW_MOUNT: a directory
 * before what is in it, entries in the order the kernel keeps them, links not
 * followed, other filesystems not entered. What is met is held, and opened by that
 * (host/walk.ts).
 */
import { closeSync } from 'node:fs'
import { errnoOf } from '../kernel/errno.js'
import { statusOf } from '../kernel/statx.js'
import { hold, walkFilesystem, type HeldFile, type WalkedEntry } from '../host/walk.js'
import { shown } from './bytes-text.js'
import type { DefragTarget } from './target.js'

/** Valid while it is looked at. */
export interface Met {
  /** As latin1 text. */
  readonly path: string
  /** What to call it: of a tree its path, of a single file what was given. */
  readonly name: string
  readonly file: HeldFile
  /** Descriptor of the folder it is in. */
  readonly folder: number
}

type Tree = Pick<DefragTarget, 'top' | 'given' | 'path' | 'name' | 'status'>

/** The tree below a folder, itself first; or the one file. */
export function visitTree(tree: Tree, visit: (met: Met) => void): void {
  const { top, given, path, name, status } = tree
  if (name !== undefined) {
    const same = ({ inode, device }: HeldFile): boolean => inode === status.inode && device === status.device
    holding(top, name, (file) => same(file) && visit({ path, name: given, file, folder: top }))
    return
  }
  visit({ path, name: shown(path), file: { ...statusOf(top), fd: top }, folder: top })
  for (const entry of entriesBelow(tree)) {
    const { folder, device } = entry
    const below = (path === '/' ? '' : path) + entry.path
    holding(
      folder,
      entry.name,
      (file) => file.device === device && visit({ path: below, name: shown(below), file, folder }),
    )
  }
}

/** Looks at what has a name, if it has it still. */
function holding(folder: number, name: Buffer, look: (file: HeldFile) => unknown): void {
  const file = holdIfThere(folder, name)
  if (!file) return
  try {
    look(file)
  } finally {
    closeSync(file.fd)
  }
}

/**
 * How many entries the walk meets, and how many of them are regular files; looks
 * closer only at directories, which may be other filesystems.
 */
export function countTree(tree: Tree): { readonly total: number; readonly regular: number } {
  let total = 1
  let regular = 0
  for (const { folder, name, type, device } of entriesBelow(tree)) {
    if (type === 'directory') {
      const file = holdIfThere(folder, name)
      if (!file) continue
      closeSync(file.fd)
      if (file.device !== device) continue
    }
    if (type === 'regular') regular++
    total++
  }
  return { total, regular }
}

function* entriesBelow({ top }: Tree): Generator<WalkedEntry> {
  try {
    yield* walkFilesystem(`/proc/self/fd/${top}`, { asText: (name) => name.toString('latin1') })
  } catch (error) {
    // Not to be read: as nftw, go on without.
    if (errnoOf(error) === undefined) throw error
  }
}

/** Whoever is gone is not met. */
function holdIfThere(folder: number, name: Buffer): HeldFile | undefined {
  try {
    return hold(folder, name)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}
