/**
 * What this engine does not touch, asked before anything is written. Most is about
 * crashes: a filesystem that could not be mended after a power cut in the middle
 * of a move is no place to move blocks in.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { refused, unsupported } from '../../errors.js'
import type { Superblock } from '../../ext4/format/superblock.js'
import { quoted } from '../../text/json-text.js'
import { packable, type MountedFilesystem } from './filesystem.js'

const offline = (mounted: MountedFilesystem): string =>
  `Unmount it and pack the device instead: bootpack pack ${mounted.device}`

/** @throws unsupported for anything but ext4 */
export function refuseType(mounted: MountedFilesystem): void {
  if (mounted.type === 'ext4') return
  throw unsupported(
    'not-ext4',
    `${quoted(mounted.mountPoint)} is ${mounted.type}; bootpack moves blocks of mounted ext4 and XFS.`,
    mounted.type === 'xfs' ? 'XFS is done by a plugin that is not installed here: @bootpack/plugin-xfs.' : packable,
  )
}

/** @throws refused unless the process is root: reading the device and moving others' blocks need it */
export function refuseWithoutRoot({ mountPoint }: MountedFilesystem, write: boolean): void {
  if (process.getuid?.() === 0) return
  throw write
    ? refused(
        'not-root',
        `Packing the mounted filesystem at ${quoted(mountPoint)} needs root.`,
        'Run it with sudo; or use e4defrag, which works on files of your own without.',
      )
    : refused(
        'not-root',
        `Where the files of the mounted filesystem at ${quoted(mountPoint)} lie is read from its device, which needs root.`,
        'Run it with sudo; or give an image or a copy that you may read.',
      )
}

/**
 * @param superblock as it is on disk; bigalloc and other unreadable layouts were refused when it was decoded
 * @throws refused or unsupported
 */
export function refuseToWrite(mounted: MountedFilesystem, superblock: Superblock): void {
  const where = quoted(mounted.mountPoint)
  const has = (feature: string): boolean => superblock.features.names.has(feature)
  if (mounted.readOnly) {
    throw refused(
      'read-only',
      `The filesystem at ${where} is mounted read-only.`,
      `Remount it with: mount -o remount,rw ${where}`,
    )
  }
  if (superblock.state & 2) {
    throw refused(
      'has-errors',
      `The kernel has marked the filesystem at ${where} as having errors.`,
      `Unmount it and run: e2fsck -f ${mounted.device}`,
    )
  }
  if (!has('extent')) {
    throw unsupported(
      'no-extents',
      `The filesystem at ${where} has no extents (ext3 mounted as ext4), and the kernel moves nothing else.`,
      `Unmount it and run: tune2fs -O extent ${mounted.device}; files written before stay where they are.`,
    )
  }
  if (!has('has_journal')) {
    throw refused(
      'no-journal',
      `The filesystem at ${where} has no journal: a crash while blocks move could not be mended.`,
      offline(mounted),
    )
  }
  if (has('fast_commit')) {
    throw unsupported(
      'fast-commit',
      `The filesystem at ${where} has the feature fast_commit, with which a crash while blocks move was seen to leave it unmountable.`,
      `Unmount it and run: tune2fs -O ^fast_commit ${mounted.device}`,
    )
  }
  if (optionsOf(mounted).includes('norecovery')) {
    throw refused(
      'no-journal',
      `The filesystem at ${where} is mounted without its journal (noload): a crash while blocks move could not be mended.`,
      `Unmount it and mount it without that option, or pack the device: bootpack pack ${mounted.device}`,
    )
  }
  if (optionsOf(mounted).includes('data=journal')) {
    throw unsupported(
      'data-journal',
      `The filesystem at ${where} is mounted with data=journal, where the kernel moves no blocks.`,
      'Mount it with data=ordered, or unmount it and pack the device.',
    )
  }
}

/** The options in force, defaults included, as the filesystem itself lists them. */
function optionsOf(mounted: MountedFilesystem): string[] {
  try {
    return readFileSync(join('/proc/fs/ext4', mounted.name, 'options'), 'utf8').split('\n')
  } catch {
    return []
  }
}
