/**
 * A file that appears whole or not at all: written under a name nobody can guess in
 * the same folder, flushed, then renamed. A link, a device, an image of a disk, or a file
 * that is no output of the same kind is refused, never followed and never replaced.
 *
 * What a trace, a plan or a report tells of (names of files, command lines, who reads
 * what) is nobody's business but its owner's: a new file is his alone to read. An earlier
 * one that is replaced keeps the permissions somebody gave it.
 */
import { randomBytes } from 'node:crypto'
import { constants, rmSync } from 'node:fs'
import { lstat, open, rename, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { BootpackError, ioError, noSpace, refused, usageError } from '../errors.js'
import { holdsDisk } from './disk-signatures.js'
import { lookForKind, titleOf, type OutputKind } from './output-kind.js'
import { escapePath } from '../text/escape-path.js'

const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/**
 * @param path  where the file goes; an earlier one of the same kind is replaced, as is an empty file
 * @param write puts the contents into the open file; when it throws, nothing changes
 * @throws refused when something else than an output of this kind is at `path`, usage when
 *   there is no such folder, no-space, io
 */
export async function writeAtomically<T>(
  path: string,
  kind: OutputKind,
  write: (file: FileHandle) => Promise<T>,
): Promise<T> {
  await refuseOther(path, kind)
  const { file, name } = await openFresh(path)
  let renamed = false
  // Whoever ends the process meanwhile, a signal for instance, leaves no half file behind.
  const leave = (): void => rmSync(name, { force: true })
  process.on('exit', leave)
  try {
    const result = await write(file)
    const permissions = await refuseOther(path, kind)
    if (permissions !== undefined) await file.chmod(permissions)
    await file.sync()
    await rename(name, path)
    renamed = true
    await syncFolder(dirname(path))
    return result
  } catch (error) {
    throw named(error, path)
  } finally {
    await file.close()
    process.off('exit', leave)
    if (!renamed) await unlink(name).catch(() => {})
  }
}

/** A fresh file beside `path`, with a name from 16 random bytes. */
export async function openFresh(path: string): Promise<{ file: FileHandle; name: string }> {
  const name = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(16).toString('hex')}.tmp`)
  try {
    return { file: await open(name, flags, 0o600), name }
  } catch (error) {
    throw named(error, path)
  }
}

/**
 * Whether an output of this kind may go to `path`, which a long job asks before it begins.
 * @returns the permissions of the file that would be replaced; undefined when there is none
 * @throws refused when what is there must not be replaced; io when it cannot be looked at
 */
export async function refuseOther(path: string, kind: OutputKind): Promise<number | undefined> {
  const stats = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw named(error, path)
  })
  if (!stats) return undefined
  if (stats.isFile()) {
    await refuseOtherContents(path, kind)
    return stats.mode & 0o777
  }
  const what = stats.isSymbolicLink() ? 'a symbolic link' : stats.isDirectory() ? 'a folder' : 'no ordinary file'
  throw refused(
    'not-a-file',
    `${escapePath(path)} is ${what}; it was left alone.`,
    'Give the name of a file, or - for standard output.',
  )
}

async function refuseOtherContents(path: string, kind: OutputKind): Promise<void> {
  const shown = escapePath(path)
  if (await holdsDisk(path))
    throw refused(
      'is-a-disk',
      `${shown} is an image of a disk or a filesystem; it was left alone.`,
      'Give another name for what is to be written.',
    )
  const found = await lookForKind(path, kind).catch((error: unknown) => {
    throw named(error, path)
  })
  if (found.as !== 'other') return
  const title = titleOf(kind)
  throw refused(
    'is-another-file',
    found.kind === undefined
      ? `${shown} is not ${title} that bootpack wrote; it was left alone.`
      : `${shown} is ${titleOf(found.kind)}, which ${title} must not replace; it was left alone.`,
    'Give another name for what is to be written, or remove that file first.',
  )
}

/** Brings the names in a folder to stable storage. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    // Some network filesystems cannot; the contents are flushed all the same.
    await folder.sync().catch(() => {})
  } finally {
    await folder.close()
  }
}

function named(error: unknown, path: string): unknown {
  if (error instanceof BootpackError || !(error instanceof Error) || !('code' in error)) return error
  const shown = escapePath(path)
  switch (error.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return noSpace('no-space', `There is no room to write ${shown}.`, 'Free some space, or write it elsewhere.')
    case 'ENOENT':
    case 'ENOTDIR':
      return usageError(
        'no-folder',
        `There is no folder ${escapePath(dirname(path))}.`,
        'Make it first, or write elsewhere.',
      )
    default:
      return ioError(`${shown} cannot be written.`, error)
  }
}
