/**
 * From an open volume to a mounted meta filesystem, and back. However the process
 * ends, nothing stays mounted: an orderly end waits for what was begun; a fall takes
 * the mount with it (a process that exits while its own mount is there would wait for
 * itself); and what a kill -9 leaves is detached by whoever mounts next.
 */
import { realpath, stat } from 'node:fs/promises'
import { endianness } from 'node:os'
import type { Volume } from 'bootpack'
import { refused, unsupported, usageError } from 'bootpack/engine'
import { openBlockSpace } from 'bootpack/ext4'
import { mountFuse, openFuseDevice, unmount } from '../kernel/mount.js'
import { Session } from '../fuse/session.js'
import { MetaTree } from '../tree/meta-tree.js'
import { detachDead, metaMounts, subtype } from './mounts.js'

export interface MetaMountOptions {
  /** What `mount` shows as the device. */
  readonly source: string
  readonly readOnly: boolean
  /** Told of every order that failed, since its client learns only a number. */
  readonly onFailure?: (error: unknown, node: string) => void
}

export interface MetaMount {
  /** Absolute, without symlinks. */
  readonly directory: string
  /** Settles when nothing is mounted any more, whoever unmounted it. */
  readonly ended: Promise<void>
  /** Finishes the order that is being carried out, drops those that wait, and unmounts even from under clients. */
  unmount(): Promise<void>
}

/**
 * @param volume stays open until the mount has ended; closed by the caller
 * @throws usage when there is no such directory, refused when it shows a meta
 *   filesystem already or without root, unsupported without FUSE or for an engine that
 *   the block-moving calls have no way into
 */
export async function mountMeta(volume: Volume, at: string, options: MetaMountOptions): Promise<MetaMount> {
  if (endianness() !== 'LE')
    throw unsupported('big-endian', 'The meta filesystem speaks with the kernel on little-endian machines only.')
  const space = openBlockSpace(volume)
  const readOnly = options.readOnly || !space.writable
  const directory = await freeDirectory(at)
  const tree = new MetaTree(space, readOnly, options.onFailure)
  const descriptor = openFuseDevice()
  mountFuse({ descriptor, directory, source: options.source, subtype, readOnly })
  let mounted = true
  const takeAway = (): void => {
    if (!mounted) return
    mounted = false
    // MNT_FORCE wakes the thread that waits for requests, whoever still has files open.
    unmount(directory, 'abort')
    if (metaMounts().some((mount) => mount.directory === directory)) unmount(directory, 'detach')
  }
  const atExit = (): void => {
    try {
      takeAway()
    } catch {
      // Somebody else was quicker.
    }
  }
  process.on('exit', atExit)
  const session = new Session(descriptor, tree, {
    user: process.geteuid?.() ?? 0,
    group: process.getegid?.() ?? 0,
    since: Math.floor(Date.now() / 1000),
  })
  const ended = session.ended
    .then(() => {
      mounted = false
    })
    .finally(async () => {
      // Still mounted only if requests could not be read any more.
      atExit()
      process.off('exit', atExit)
      await tree.idle()
    })
  return {
    directory,
    ended,
    unmount: async () => {
      if (!mounted) return ended
      session.stop()
      await tree.idle()
      takeAway()
      await ended
    },
  }
}

/** @throws usage when it is no directory; refused when a meta filesystem is there */
async function freeDirectory(at: string): Promise<string> {
  // First, because nothing can be asked of a directory below a dead mount.
  await detachDead()
  // Never waiting in a call: what is asked may be shown by this very process.
  const stats = await stat(at).catch(() => undefined)
  if (!stats?.isDirectory())
    throw usageError('no-mount-point', `${JSON.stringify(at)} is not a directory.`, 'Make one with mkdir and name it.')
  const directory = await realpath(at)
  if (metaMounts().some((mount) => mount.directory === directory)) {
    throw refused(
      'mounted',
      `A meta filesystem is mounted at ${JSON.stringify(directory)}.`,
      `Unmount it with: umount ${directory}`,
    )
  }
  return directory
}
