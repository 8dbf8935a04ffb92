/** The run with targets: files, directories and whole filesystems, each once. */
import { lstatSync, readdirSync, realpathSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { ioError, unsupported, usageError } from 'bootpack/engine'
import { quoted } from 'bootpack/text'
import { mountOf, type XfsMount } from '../filesystem/mounts.js'
import { defragmentFile } from './defragment-file.js'
import type { FileOutcome } from './outcome.js'
import { runPass } from './pass.js'
import { withWorkshop, type WorkshopOptions } from './workshop.js'

export interface TargetOptions {
  readonly workshop: WorkshopOptions
  readonly signal: AbortSignal
  readonly onOutcome: (outcome: FileOutcome) => void
}

/**
 * @throws usage when it is nothing that could be reorganised, unsupported when it is not on XFS
 */
export async function runTarget(target: string, options: TargetOptions): Promise<void> {
  const stats = statsOf(target)
  const mount = mountOf(target)
  if (!mount)
    throw unsupported(
      'not-xfs',
      `${quoted(target)} is not on a mounted XFS filesystem.`,
      'On ext4 use e4defrag or bootpack pack.',
    )
  const stop = (): boolean => options.signal.aborted
  if (stats.isBlockDevice() || realpathSync(target) === mount.mountPoint) {
    await withWorkshop(mount, options.workshop, (workshop) =>
      runPass(workshop, { from: 1, percent: 100, stop, onOutcome: options.onOutcome }),
    )
    return
  }
  await withWorkshop(mount, options.workshop, async (workshop) => {
    for (const { path, inode } of filesBelow(target, stats)) {
      await new Promise((resolve) => setImmediate(resolve))
      if (stop()) return
      options.onOutcome(defragmentFile(workshop, inode, path))
    }
  })
}

/** Links are not followed, with one exception as in xfs_fsr: a link to a device. */
function statsOf(target: string): Stats {
  let stats: Stats
  try {
    stats = lstatSync(target)
    if (stats.isSymbolicLink()) {
      const behind = lstatSync(realpathSync(target))
      if (behind.isBlockDevice()) stats = behind
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw usageError('no-such-target', `There is no ${quoted(target)}.`, 'Check the name of the target.')
    throw ioError(`${quoted(target)} could not be looked up (${code}).`, cause)
  }
  if (stats.isFile() || stats.isDirectory() || stats.isBlockDevice()) return stats
  throw usageError(
    'wrong-kind',
    `${quoted(target)} is no file, directory or block device.`,
    stats.isSymbolicLink() ? 'Name what the link leads to.' : undefined,
  )
}

/** Regular files in order of their names, on this filesystem only. */
function* filesBelow(path: string, stats: Stats): Generator<{ path: string; inode: number }> {
  if (stats.isFile()) yield { path, inode: stats.ino }
  if (!stats.isDirectory()) return
  for (const name of readdirSync(path).sort()) {
    const inside = join(path, name)
    const found = lstatSync(inside, { throwIfNoEntry: false })
    if (found?.dev === stats.dev) yield* filesBelow(inside, found)
  }
}

/**
 * The block a directory stands for on XFS: that of its inode. The kernel places what is
 * made in the directory near it.
 */
export async function blockOfDirectory(directory: string): Promise<{ mount: XfsMount; block: number }> {
  const stats = lstatSync(directory, { throwIfNoEntry: false })
  if (!stats?.isDirectory())
    throw usageError('not-a-directory', `${quoted(directory)} is not a directory.`, 'Give --near a directory.')
  const mount = mountOf(directory)
  if (!mount) throw unsupported('not-xfs', `${quoted(directory)} is not on a mounted XFS filesystem.`)
  return await withWorkshop(mount, { dryRun: true }, ({ filesystem }) =>
    Promise.resolve({ mount, block: filesystem.blockOfInode(stats.ino) }),
  )
}
