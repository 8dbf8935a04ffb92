import type { FixedKind } from './owner.js'
import type { ImmovableReason } from './reason.js'

/** Who keeps the boot blocks from being one run: what never moves, or is not moved here. */
export type GapCause = FixedKind | ImmovableReason | 'occupied' | 'too-short'

/** The same as nouns. */
export const gapCauses: Readonly<Record<GapCause, string>> = {
  superblock: 'a superblock',
  'group-descriptors': 'group descriptors',
  'reserved-descriptors': 'reserved group descriptors',
  'block-bitmap': 'block bitmaps',
  'inode-bitmap': 'inode bitmaps',
  'inode-table': 'inode tables',
  mmp: 'the block against double mounts',
  'beyond-end': 'blocks beyond the end',
  'fixed-metadata': 'fixed metadata',
  'system-inode': 'the journal or the like',
  'boot-loader': 'files of a boot loader',
  'swap-file': 'swap files',
  'inline-data': 'data kept in inodes',
  'indirect-mapped': 'files with old block maps',
  'shared-xattr': 'shared attribute blocks',
  'unknown-owner': 'blocks of unknown owners',
  mounted: 'what a mounted filesystem cannot move',
  running: 'running programs',
  leased: 'leased files',
  locked: 'locked files',
  immutable: 'immutable files',
  'append-only': 'append-only files',
  verity: 'files sealed by verity',
  encrypted: 'encrypted files',
  'journal-data': 'files that journal their data',
  'no-call': 'what the kernel has no call to move',
  'no-defrag': 'files marked as not to be defragmented',
  occupied: 'files of others',
  'too-short': 'free space too short to be worth a break',
}

export const isGapCause = (code: unknown): code is GapCause =>
  typeof code === 'string' && Object.hasOwn(gapCauses, code)
