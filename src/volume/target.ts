import { quoted } from '../text/json-text.js'
import { readlinkSync, realpathSync, statSync, type Stats } from 'node:fs'
import { resolve } from 'node:path'
import { ioError, usageError, type BootpackError } from '../errors.js'

/** What a user named, resolved: the thing itself and what kind of thing it is. */
export interface Target {
  /** As it was given, for messages. */
  readonly given: string
  /** Absolute, all symlinks followed. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'block-device'
}

/**
 * Looks up what a user named. Symlinks are followed here and nowhere later.
 *
 * @throws usage when nothing is there or it can hold no filesystem, io when it cannot be looked at
 */
export function resolveTarget(given: string): Target {
  if (given === '')
    throw usageError(
      'no-target',
      'The target is an empty word.',
      'Name an image file, a block device or a mounted filesystem.',
    )
  let path: string
  let stats: Stats
  try {
    path = realpathSync(given)
    stats = statSync(path)
  } catch (cause) {
    throw lookupError(given, cause)
  }
  if (stats.isFile()) return { given, path, kind: 'file' }
  if (stats.isDirectory()) return { given, path, kind: 'directory' }
  if (stats.isBlockDevice()) return { given, path, kind: 'block-device' }
  const what = stats.isCharacterDevice()
    ? 'a character device'
    : stats.isFIFO()
      ? 'a named pipe'
      : stats.isSocket()
        ? 'a socket'
        : 'of an unknown kind'
  throw usageError(
    'wrong-kind',
    `${quoted(given)} is ${what}; no filesystem can be in it.`,
    'Name an image file, a block device or a mounted filesystem.',
  )
}

function lookupError(given: string, cause: unknown): BootpackError {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ELOOP') return usageError('no-such-target', `${quoted(given)} is a symlink that leads back to itself.`)
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const link = linkText(given)
    return usageError(
      'no-such-target',
      link === undefined
        ? `There is no ${quoted(given)}.`
        : `${quoted(given)} is a symlink to ${quoted(link)}, and nothing is there.`,
      'Check the name of the target.',
    )
  }
  return ioError(`${quoted(given)} could not be looked up (${code ?? String(cause)}).`, cause)
}

function linkText(path: string): string | undefined {
  try {
    return readlinkSync(resolve(path))
  } catch {
    return undefined
  }
}
