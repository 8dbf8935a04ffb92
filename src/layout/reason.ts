/**
 * Why blocks stay where they are, and why an inode keeps its number: two closed sets of
 * codes, and one table of what each means. Data carries the code, and at most a detail (a
 * block number, an errno); only what is printed carries the sentence. docs/reasons.md is
 * made from these tables.
 *
 * Every code belongs to one of three groups. What is immovable is known before anything is
 * written, and the planner works around it. What happened shows only when a move is tried.
 * What is absent has no blocks to move at all.
 */
export interface ReasonText {
  /** Completes "12 files: …"; the same words serve one file and many. */
  readonly says: string
  /** What would help, a full sentence; absent where nothing does. */
  readonly helps?: string
}

const atRest = 'Packing it unmounted, or at shutdown, can.'
const again = 'Running it again may move it.'

const immovable = {
  'fixed-metadata': { says: 'placed by the format: superblocks, descriptors, bitmaps and inode tables' },
  'system-inode': { says: 'part of the filesystem itself, like the journal' },
  'boot-loader': { says: 'known to a boot loader by block number, which would not find it elsewhere' },
  'swap-file': { says: 'swap space, which the kernel or a resume image knows by block number' },
  'inline-data': { says: 'kept inside the inode, without a block of its own' },
  'indirect-mapped': {
    says: 'mapped by indirect blocks, which a mounted filesystem does not move',
    helps: `Giving it extents first (chattr +e) makes it one that can be moved. ${atRest}`,
  },
  'shared-xattr': { says: 'an attribute block with more owners than can be followed' },
  'unknown-owner': {
    says: 'in use, but claimed by nothing that could be found',
    helps:
      'A deleted file that is still open gives its blocks back when it is closed; anything else e2fsck would name.',
  },
  mounted: { says: 'cannot be moved by a mounted filesystem', helps: atRest },
  running: { says: 'being executed, and a running program cannot be opened for writing', helps: atRest },
  leased: {
    says: 'leased by a program that is to be asked before others open it, such as a file server',
    helps: atRest,
  },
  locked: { says: 'locked by a program', helps: `It can be moved once that program lets go. ${atRest}` },
  immutable: { says: 'set immutable (chattr +i)', helps: atRest },
  'append-only': { says: 'set append-only (chattr +a)', helps: atRest },
  verity: { says: 'sealed by verity, which nobody may open for writing', helps: atRest },
  encrypted: { says: 'encrypted, which a mounted filesystem does not move', helps: atRest },
  'journal-data': { says: 'journals its data (chattr +j), which a mounted filesystem does not move', helps: atRest },
  'no-call': { says: 'of a kind that the kernel has no call to move' },
  'no-defrag': { says: 'marked as not to be defragmented (xfs_io chattr +f)' },
} as const satisfies Record<string, ReasonText>

const happened = {
  busy: { says: 'being written at that moment', helps: again },
  changed: { says: 'no longer where the plan found it', helps: 'A new plan will find it.' },
  taken: { says: 'the place planned for it is in use by others now', helps: 'A new plan will find another place.' },
  'no-space': { says: 'no free blocks to move it with', helps: 'Free some space and run it again.' },
  'no-tree-room': { says: 'its extent tree would grow, and no block is free for that', helps: 'Free some space.' },
  'far-behind': { says: 'its block map has no numbers for blocks so far behind' },
  'quota-tree': { says: 'its extent tree would change its size, and quotas count tree blocks' },
  preallocated: { says: 'preallocated behind the end of the file, where the kernel moves nothing', helps: atRest },
  'mapped-for-writing': { says: 'mapped by a program that may write to it at any moment', helps: again },
  reflinked: { says: 'shares blocks with another file, and moving it would part them' },
  refused: { says: 'the kernel, or a program that guards it, does not let it be opened', helps: atRest },
  'not-regular': { says: 'no longer a regular file' },
  'partly-moved': { says: 'some of it moved and could not be put back', helps: again },
  'passed-over': { says: 'went on without this stop on the way' },
  unconfirmed: { says: 'not found at its target when read back' },
  conflict: { says: 'another move of the same round takes these blocks or their target' },
  invalid: { says: 'the move makes no sense for this filesystem', helps: 'Make the plan again.' },
  'journal-full': { says: 'the journal is too small for what it changes' },
  'not-accepted': { says: 'the filesystem does not allow this exchange of blocks' },
  failed: { says: 'the kernel or the disk reported an error' },
  interrupted: { says: 'stopped before its turn', helps: 'Running it again goes on from there.' },
  pending: { says: 'not moved yet', helps: 'Applying the plan goes on from there.' },
} as const satisfies Record<string, ReasonText>

const absent = {
  missing: { says: 'not on this filesystem, though the trace names it: made during the boot, or deleted since' },
  'no-gain': { says: 'no place found would be read faster' },
} as const satisfies Record<string, ReasonText>

/** Why blocks must stay, as far as it is known before anything is written. */
export type ImmovableReason = keyof typeof immovable

/** Why something that a boot reads is no part of a plan. */
export type SkipReason = ImmovableReason | keyof typeof absent

/** Why blocks are not where they were wanted. */
export type StayReason = SkipReason | keyof typeof happened

export const stayReasons: Readonly<Record<StayReason, ReasonText>> = { ...immovable, ...happened, ...absent }

/**
 * Reasons of a filesystem in use that are gone once it is unmounted: what keeps these in
 * place is the kernel or a program, not the format.
 */
export const onlyWhileMounted: ReadonlySet<StayReason> = new Set<StayReason>([
  'mounted',
  'running',
  'leased',
  'locked',
  'immutable',
  'append-only',
  'verity',
  'encrypted',
  'journal-data',
  'indirect-mapped',
])

const numbered = {
  'system-inode': { says: 'the filesystem finds it by number' },
  encrypted: { says: 'its key may be derived from its number' },
  verity: { says: 'sealed by verity' },
  casefold: { says: 'a folder that ignores case' },
  'ea-inode': { says: 'holds the value of an attribute, or has a value held so' },
  evm: { says: 'its number is signed (security.evm)' },
  'boot-loader': { says: 'EXTLINUX knows its folder by number' },
  'overlay-origin': { says: 'an overlay mount has a handle of it' },
  'unknown-type': { says: 'of a type that is not known' },
  'no-links': { says: 'deleted, and still open somewhere' },
  'large-directory': { says: 'a directory of more blocks than the journal takes at once' },
  'unsound-names': { says: 'its names do not agree with what it counts', helps: 'Run e2fsck on it first.' },
  'never-used': { says: 'the slot was never used and may hold anything' },
  'no-slot': { says: 'there is no such slot' },
  'no-inode': { says: 'there is no such inode' },
  'same-number': { says: 'it has that number' },
  'after-skipped': { says: 'it rests on another that was skipped' },
  'journal-full': { says: 'the journal is too small for what it changes' },
  unconfirmed: { says: 'not found in its slot when read back' },
  renamed: { says: 'its name leads to another file by now' },
  pending: { says: 'not yet', helps: 'Applying the plan goes on from there.' },
} as const satisfies Record<string, ReasonText>

/** Why an inode keeps its number. */
export type NumberReason = keyof typeof numbered

export const numberReasons: Readonly<Record<NumberReason, ReasonText>> = numbered

export const isSkipReason = (code: unknown): code is SkipReason =>
  typeof code === 'string' && (Object.hasOwn(immovable, code) || Object.hasOwn(absent, code))
