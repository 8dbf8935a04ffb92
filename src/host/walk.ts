/**
 * A walk over one mounted filesystem that cannot be led out of it, whatever is exchanged
 * for what while it goes on, and that nobody's server can stop.
 *
 * Every name is looked up relative to the open folder it is in, without following a link,
 * and held (O_PATH): the kernel opens nothing for that and asks no filesystem. What is held
 * cannot be exchanged any more. Its device tells whether another filesystem is mounted
 * there, and only then it is opened, by what is held and not by its name. So pipes are not
 * waited for, devices and other filesystems are not opened, mounts on demand do not happen,
 * and a FUSE mount whose server does not answer is passed by.
 *
 * Folders that cannot be read are counted and left out.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { decodeName } from '../bytes/file-name.js'
import { asKernelError, errnoOf, failedWith } from '../kernel/errno.js'
import { directoryEntries, type DirectoryEntry } from '../kernel/getdents.js'
import { statusOf, type FileStatus } from '../kernel/statx.js'

const O_PATH = 0o10000000
const reading = constants.O_RDONLY | constants.O_NONBLOCK

/** Folders within each other; a path of that depth is longer than any the kernel takes. */
const deepest = 2048

export interface WalkedEntry extends DirectoryEntry {
  /** From where the walk began, starting with '/'. */
  readonly path: string
  /** Descriptor of the folder it is in; valid until the next entry is asked for. */
  readonly folder: number
  /** 'major:minor' of the filesystem that is walked. */
  readonly device: string
}

export interface WalkOptions {
  /** Counts folders that were left out. */
  readonly unreadable?: { count: number }
  /** How names become text; decodeName when left out. */
  readonly asText?: (name: Buffer) => string
}

/** A file that was looked up and not opened. */
export interface HeldFile extends FileStatus {
  /** Of O_PATH. */
  readonly fd: number
}

interface Level {
  readonly fd: number
  readonly path: string
  readonly entries: readonly DirectoryEntry[]
  next: number
}

/**
 * What a name in an open folder leads to now; close its descriptor.
 * @throws KernelError when there is no such name
 */
export function hold(folder: number, name: Buffer): HeldFile {
  const path = Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), name])
  const fd = asKernelError({ call: 'open', on: decodeName(name) }, () => openSync(path, O_PATH | constants.O_NOFOLLOW))
  try {
    return { ...statusOf(fd), fd }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/**
 * As `hold`.
 * @param use gets it; it is let go afterwards
 */
export function withHeld<Result>(folder: number, name: Buffer, use: (file: HeldFile) => Result): Result {
  const file = hold(folder, name)
  try {
    return use(file)
  } finally {
    closeSync(file.fd)
  }
}

/**
 * What a path from an open folder leads to, names only, no links, within the filesystem of
 * the folder.
 * @returns undefined when nothing is there, or something on the way is a link or another filesystem
 */
export function withHeldAt<Result>(
  folder: number,
  names: readonly Buffer[],
  use: (file: HeldFile) => Result,
): Result | undefined {
  const { device } = statusOf(folder)
  const from = (fd: number, at: number): Result | undefined =>
    withHeld(fd, names[at]!, (file) => {
      if (file.device !== device) return undefined
      return at === names.length - 1 ? use(file) : from(file.fd, at + 1)
    })
  try {
    return from(folder, 0)
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP')) return undefined
    throw error
  }
}

/**
 * Opens what is held, without touching its access time where that is allowed.
 * @param flags beside O_NOATIME; a link cannot be opened
 * @throws KernelError
 */
export function openHeld({ fd }: Pick<HeldFile, 'fd'>, flags = reading): number {
  const open = (more: number): number =>
    asKernelError({ call: 'open' }, () => openSync(`/proc/self/fd/${fd}`, flags | more))
  try {
    return open(constants.O_NOATIME)
  } catch (error) {
    // For owners only.
    if (errnoOf(error) !== EPERM) throw error
    return open(0)
  }
}

const EPERM = 1

/**
 * Opens a regular file of the walked filesystem for reading.
 * @returns undefined when that is no longer what has this name
 * @throws KernelError
 */
export const openWalked = ({
  folder,
  name,
  device,
}: Pick<WalkedEntry, 'folder' | 'name' | 'device'>): number | undefined =>
  withHeld(folder, name, (file) => (file.type === 'regular' && file.device === device ? openHeld(file) : undefined))

/**
 * Entries in the kernel's order, a folder's before what is in it.
 * @param top a directory; links on the way to it are followed, since the caller named it
 * @throws KernelError when `top` itself cannot be read
 */
export function* walkFilesystem(
  top: string | Buffer,
  { unreadable = { count: 0 }, asText = decodeName }: WalkOptions = {},
): Generator<WalkedEntry, void, undefined> {
  const levels: Level[] = []
  const root = asKernelError({ call: 'open', on: top.toString() }, () =>
    openSync(top, constants.O_RDONLY | constants.O_DIRECTORY),
  )
  try {
    levels.push({ fd: root, path: '', entries: [], next: 0 })
    const { device } = statusOf(root)
    levels[0] = { fd: root, path: '', entries: directoryEntries(root), next: 0 }
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const found = level.entries[level.next++]
      if (!found) {
        levels.pop()
        closeSync(level.fd)
        continue
      }
      const entry = found.type === 'unknown' ? { ...found, type: typeOf(level.fd, found.name) } : found
      const path = `${level.path}/${asText(entry.name)}`
      yield { ...entry, path, folder: level.fd, device }
      if (entry.type !== 'directory') continue
      const below = levels.length < deepest ? openLevel(level.fd, entry.name, path, device) : undefined
      if (below === undefined) unreadable.count++
      else if (below !== 'other-mount') levels.push(below)
    }
  } finally {
    for (const { fd } of levels) closeSync(fd)
  }
}

/** Filesystems made without the feature filetype keep no types in folders. */
function typeOf(folder: number, name: Buffer): DirectoryEntry['type'] {
  try {
    return withHeld(folder, name, ({ type }) => type)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return 'unknown'
  }
}

function openLevel(folder: number, name: Buffer, path: string, device: string): Level | 'other-mount' | undefined {
  let fd: number | undefined
  try {
    fd = withHeld(folder, name, (file) => {
      if (file.device !== device) return undefined
      return openHeld(file, reading | constants.O_DIRECTORY)
    })
    return fd === undefined ? 'other-mount' : { fd, path, entries: directoryEntries(fd), next: 0 }
  } catch (error) {
    if (fd !== undefined) closeSync(fd)
    // Gone or replaced meanwhile, not ours to read, too deep for our descriptors.
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}
