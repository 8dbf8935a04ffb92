/**
 * A walk over one mounted filesystem that cannot be led out of it: every folder is
 * opened relative to the one before, links are not followed, other mounts are not
 * entered. Folders that cannot be read are counted and left out.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { decodeName } from '../bytes/file-name.js'
import { asKernelError, errnoOf } from '../kernel/errno.js'
import { directoryEntries, type DirectoryEntry } from '../kernel/getdents.js'

const looking = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const folderFlags = looking | constants.O_DIRECTORY

/** Folders within each other; a path of that depth is longer than any the kernel takes. */
const deepest = 2048

export interface WalkedEntry extends DirectoryEntry {
  /** From where the walk began, starting with '/'. */
  readonly path: string
  /** Descriptor of the folder it is in; valid until the next entry is asked for. */
  readonly folder: number
}

interface Level {
  readonly fd: number
  readonly path: string
  readonly entries: readonly DirectoryEntry[]
  next: number
}

/** A file in an open folder, by the bytes of its name. */
const within = (folder: number, name: Buffer): Buffer => Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), name])

/**
 * Opens a file of a folder for reading, without following a link, waiting for a pipe
 * or, where that is allowed, touching its access time.
 * @throws KernelError
 */
export function openWithin(folder: number, name: Buffer, flags = looking): number {
  const path = within(folder, name)
  const open = (more: number): number =>
    asKernelError({ call: 'open', on: decodeName(name) }, () => openSync(path, flags | more))
  try {
    return open(constants.O_NOATIME)
  } catch {
    // For owners only.
    return open(0)
  }
}

/**
 * Entries in the kernel's order, a folder's before what is in it.
 * @param top a directory
 * @throws KernelError when `top` itself cannot be read
 */
export function* walkFilesystem(
  top: string,
  unreadable: { count: number } = { count: 0 },
): Generator<WalkedEntry, void, undefined> {
  const levels: Level[] = []
  const root = asKernelError({ call: 'open', on: top }, () => openSync(top, constants.O_RDONLY | constants.O_DIRECTORY))
  const device = fstatSync(root, { bigint: true }).dev
  try {
    levels.push({ fd: root, path: '', entries: directoryEntries(root), next: 0 })
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const entry = level.entries[level.next++]
      if (!entry) {
        levels.pop()
        closeSync(level.fd)
        continue
      }
      const path = `${level.path}/${decodeName(entry.name)}`
      yield { ...entry, path, folder: level.fd }
      if (entry.type !== 'directory') continue
      const below = levels.length < deepest ? openLevel(level.fd, entry.name, path, device) : undefined
      if (below === undefined) unreadable.count++
      else if (below !== 'other-mount') levels.push(below)
    }
  } finally {
    for (const { fd } of levels) closeSync(fd)
  }
}

function openLevel(folder: number, name: Buffer, path: string, device: bigint): Level | 'other-mount' | undefined {
  let fd: number | undefined
  try {
    fd = openWithin(folder, name, folderFlags)
    if (fstatSync(fd, { bigint: true }).dev !== device) {
      closeSync(fd)
      return 'other-mount'
    }
    return { fd, path, entries: directoryEntries(fd), next: 0 }
  } catch (error) {
    if (fd !== undefined) closeSync(fd)
    // Gone or replaced meanwhile, not ours to read, too deep for our descriptors.
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}
