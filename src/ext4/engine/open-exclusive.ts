import { statSync, type BigIntStats } from 'node:fs'
import { refused, usageError } from '../../errors.js'
import { shellWord } from '../../text/shell-word.js'
import { FileStore } from '../../storage/file-store.js'
import { lockImage } from '../../host/image-lock.js'
import { ReleasingStore } from '../../storage/releasing-store.js'
import { findWriter } from '../../host/open-writers.js'
import { refuseUses } from '../ownership/preconditions.js'
import { identify, sectorSizeOf, type Identity } from '../../host/block-devices.js'
import { findUses } from '../../host/is-mounted.js'
import type { Store } from '../../storage/store.js'

export interface GatedDisk {
  readonly store: Store
  readonly identity: Identity
  /** Bytes; undefined for image files, which do not tell. */
  readonly sectorSize: number | undefined
}

/**
 * Opens an image file or block device once nobody else is at it.
 *
 * Between the look at mounts and the opening somebody may still come: the kernel
 * keeps them off a block device opened exclusively; for a file, who looks for other
 * writers only after having opened it himself cannot miss one who does the same.
 *
 * @throws refused when it is in use, usage when nothing is there, io
 */
export async function openGated(path: string, write: boolean): Promise<GatedDisk> {
  const identity = identify(statOrSay(path))
  refuseUses(findUses(identity), path, write)
  const file = await FileStore.open(path, { writable: write })
  let release = (): Promise<void> => Promise.resolve()
  try {
    const opened = file.identity
    const same =
      identity.kind === 'file' &&
      !opened.blockDevice &&
      opened.device === identity.device &&
      opened.inode === identity.inode
    if (identity.kind === 'file' ? !same : !opened.blockDevice) {
      throw refused('changed', `${shellWord(path)} was exchanged for something else while it was opened.`, 'Try again.')
    }
    if (write && identity.kind === 'file') {
      release = await lockImage(identity, path)
      const writer = findWriter(identity)
      if (writer) {
        const who =
          writer.process === undefined ? 'Another program' : `Process ${writer.process} (${shellWord(writer.command)})`
        throw refused(
          'open-elsewhere',
          `${who} has ${shellWord(path)} open for writing or locked.`,
          'End it first; a virtual machine must be shut down.',
        )
      }
      // A loop device may have come between the first look and the opening.
      refuseUses(findUses(identity), path, write)
    }
    return { store: new ReleasingStore(file, release), identity, sectorSize: sectorSizeOf(identity) }
  } catch (error) {
    await file.close()
    await release()
    throw error
  }
}

function statOrSay(path: string): BigIntStats {
  let stats: BigIntStats | undefined
  try {
    stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EACCES') {
      throw usageError(
        'no-access',
        `${shellWord(path)} may not be looked at by this user.`,
        'Run bootpack as a user who may.',
      )
    }
  }
  if (!stats) throw usageError('no-such-target', `There is no ${shellWord(path)}.`, 'Check the name of the image.')
  if (!stats.isFile() && !stats.isBlockDevice()) {
    throw usageError(
      'not-an-image',
      `${shellWord(path)} is neither a file nor a block device.`,
      'Name an image file or a block device.',
    )
  }
  return stats
}
