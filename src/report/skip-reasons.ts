import type { SkipReason } from '../plan/plan.js'

/** Why something stays where it is, as a sentence, and what would help where something does. */
export const skipReasons: Readonly<Record<SkipReason, string>> = {
  'fixed-metadata': 'Superblocks, descriptors, bitmaps and inode tables have their places by the format.',
  'system-inode': 'The journal and the like belong to the filesystem itself.',
  'boot-loader': 'A boot loader knows these blocks by number and would not find them elsewhere.',
  'swap-file': 'The kernel or a resume image knows the blocks of a swap file by number.',
  'inline-data': 'The contents lie in the inode; there is no block to move.',
  'indirect-mapped':
    'Mapped by an old block map, which is read but never rewritten. Copying the file gives it extents.',
  immutable: 'Set immutable. Pack it with the filesystem unmounted, or take the flag away first.',
  'append-only': 'Set append-only. Pack it with the filesystem unmounted, or take the flag away first.',
  encrypted: 'Encrypted files are left alone.',
  'shared-xattr': 'The block has more owners than can be followed.',
  engine: 'A mounted filesystem cannot move this. Packing it unmounted can.',
  busy: 'In use in a way that forbids it: running, locked or being written. Packing it unmounted can.',
  'unknown-owner': 'Marked in use, but nothing that could be found claims it. e2fsck would tell.',
  missing: 'The trace names it, this filesystem does not have it: made during the boot, or deleted since.',
  empty: 'Has no blocks.',
  'not-regular': 'Neither a file, a directory nor a symbolic link.',
  'no-room': 'No place was left for it.',
}
