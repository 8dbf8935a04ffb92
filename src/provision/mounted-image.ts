/**
 * An image mounted by the kernel while files are put into it. bootpack's own ext4 code
 * moves blocks; it does not make files. The mount is private to this process (see
 * kernel/mount-namespace.ts): nobody else can get at it, and no way out leaves it behind.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, fsyncSync, mkdtempSync, openSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ioError, refused } from '../errors.js'
import { openGated } from '../ext4/engine/open-exclusive.js'
import { findFilesystem } from '../ext4/engine/open-image.js'
import { PartitionStore } from '../storage/partition-store.js'
import { enterMountNamespace } from '../kernel/mount-namespace.js'

const environment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' }

/** Runs a program to its end. @throws io with its last words */
export function runProgram(words: readonly string[], quiet = true): void {
  const [program, ...rest] = words
  const { status, error, stderr } = spawnSync(program!, rest, {
    encoding: 'utf8',
    env: environment,
    stdio: ['ignore', quiet ? 'ignore' : 2, 'pipe'],
  })
  if (error) throw ioError(`${program} could not be run.`, error)
  if (status !== 0)
    throw ioError(`${program} failed with ${status ?? 'a signal'}: ${stderr.trim().split('\n').at(-1) ?? ''}`)
}

interface Place {
  /** Bytes. */
  readonly start: number
  /** Undefined for the whole. */
  readonly size?: number
}

/** Where the filesystem is, with no other bootpack at it until `use` has ended. */
async function withPlace<Result>(
  path: string,
  partition: number | undefined,
  use: (place: Place) => Result,
): Promise<Result> {
  // The gate of writing: nobody else may be at it.
  const { store, identity, sectorSize } = await openGated(path, true)
  let open = true
  try {
    const found = await findFilesystem(store, path, { partition, sectorSize })
    const place =
      found.store instanceof PartitionStore ? { start: found.store.start, size: found.store.size } : { start: 0 }
    // The lock on a file stays. A device we have to ourselves could not be mounted by us either.
    if (identity.kind === 'block') await store.close()
    open = identity.kind === 'file'
    return use(place)
  } finally {
    if (open) await store.close()
  }
}

/**
 * @param path image file or unmounted block device
 * @param use  gets the mount point; synchronous, see above
 * @throws refused without root or while the image is in use; io when it cannot be mounted
 */
export async function withMountedImage<Result>(
  path: string,
  partition: number | undefined,
  use: (mountPoint: string) => Result,
): Promise<Result> {
  if (process.geteuid?.() !== 0) {
    throw refused(
      'needs-root',
      'Putting files into an image takes root: it is mounted for that.',
      'Run the command with sudo, or mount the image yourself and name the mount point.',
    )
  }
  return withPlace(path, partition, (place) => mounted(path, place, use))
}

function mounted<Result>(path: string, { start, size }: Place, use: (mountPoint: string) => Result): Result {
  enterMountNamespace()
  // An empty folder is all that kill -9 leaves, and in /run that goes with the next boot.
  const mountPoint = mkdtempSync(join(existsSync('/run') ? '/run' : tmpdir(), 'bootpack-image-'))
  try {
    runProgram([
      'mount',
      '-t',
      'ext4',
      '-o',
      [
        'loop',
        'nodev',
        'noatime',
        'noinit_itable',
        ...(start > 0 || size !== undefined ? [`offset=${start}`, `sizelimit=${size}`] : []),
      ].join(','),
      '--',
      path,
      mountPoint,
    ])
    try {
      return use(mountPoint)
    } finally {
      runProgram(['umount', '--recursive', '--', mountPoint])
      const image = openSync(path, 'r')
      try {
        fsyncSync(image)
      } finally {
        closeSync(image)
      }
    }
  } finally {
    try {
      rmdirSync(mountPoint)
    } catch {
      // Still mounted, in this process alone: why is told already, and this error would hide it.
    }
  }
}
