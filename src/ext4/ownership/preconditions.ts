/**
 * The gate of the image engine: what makes changing a filesystem, or even reading
 * it, unsafe. Every refusal is one sentence and a way out; nothing is written before
 * all of them were asked.
 *
 * Writing wants the bytes to itself and a filesystem at rest. Reading (measure, plan,
 * a dry run) is given more: an image may be attached somewhere, or mounted as long as
 * it is mounted read-only. Below a writable mount the disk lags behind what the
 * kernel holds in memory, so a layout read there is of no moment that ever was; the
 * same is true of a filesystem whose journal waits to be replayed.
 */
import { refused, unsupported, type BootpackError } from '../../errors.js'
import { shellWord } from '../../text/shell-word.js'
import { describeAtWork } from '../../host/at-work.js'
import type { Use } from '../../host/is-mounted.js'
import type { OtherWriter } from '../../host/writer-lock.js'
import { unwritableCompat } from '../format/features.js'
import type { Superblock } from '../format/superblock.js'

/** How to speak of a filesystem. */
export interface FilesystemName {
  /** In a sentence: the path, with the partition's number if it is in one. */
  readonly title: string
  /** As e2fsprogs takes it; for a partition of an image 'disk.img?offset=1048576'. */
  readonly operand: string
}

/**
 * @param uses what findUses found
 * @throws refused with the first of them that matters
 */
export function refuseUses(uses: readonly Use[], path: string, write: boolean): void {
  const use = uses.find((each) => write || (each.as === 'mount' && !each.readOnly) || each.as === 'swap')
  if (use) throw useError(use, path)
}

/** Who uses it, and how to end that. */
export function useError(use: Use, path: string): BootpackError {
  const name = use.beside ? `What ${shellWord(path)} reads` : shellWord(path)
  const by = use.through === undefined ? '' : ` (through ${use.through})`
  const perhaps = use.unsure ? ' It may be another file of that size: the kernel no longer knows its name.' : ''
  const detach = use.through?.startsWith('/dev/loop')
    ? ` and detach it with: losetup -d ${use.through.replace(/(?<=\d)p\d+$/, '')}`
    : ''
  switch (use.as) {
    case 'mount': {
      const another = use.through?.startsWith(path)
        ? ` If another partition of ${shellWord(path)} is meant, give that itself.`
        : ''
      return refused(
        'mounted',
        `${name} is mounted at ${shellWord(use.mountPoint ?? '')}${by}.${perhaps}`,
        `Unmount it with: umount ${shellWord(use.mountPoint ?? '')}${detach}.${another}`,
      )
    }
    case 'swap':
      return refused(
        'active-swap',
        `${name} is in use as swap${by}.`,
        `Take it out of use with: swapoff ${shellWord(use.through ?? path)}.`,
      )
    case 'loop':
      return refused(
        'attached',
        `${name} is attached to ${use.through}${use.beside ? ' as well' : ''}.${perhaps}`,
        `Detach it with: losetup -d ${use.through}.`,
      )
    case 'holder':
      return refused(
        'held',
        `${name} is part of ${use.through}, which is active.`,
        `Give ${use.through} instead if the filesystem is on that, or take it apart first (dmsetup ls, mdadm --detail ${use.through}).`,
      )
  }
}

/** @param target what was asked for, when the writer is at what that reads */
export function writerError({ as, opener }: OtherWriter, path: string, target = path): BootpackError {
  const name = target === path ? shellWord(path) : `${shellWord(path)}, which ${shellWord(target)} reads,`
  if (as === 'lock') {
    const { who, next } = describeAtWork(opener)
    return refused('in-use', `Another bootpack is at work on ${name.replace(/,$/, '')}${who}.`, next)
  }
  const who = opener
    ? `Process ${opener.process} (${shellWord(opener.command)})`
    : 'Another program, of another user or in a container,'
  return refused(
    'open-elsewhere',
    `${who} has ${name} open for writing or locked.`,
    'End it first; a virtual machine must be shut down.',
  )
}

/**
 * Refuses filesystems that are not at rest, or that this engine does not write.
 *
 * Features whose layout cannot be read at all (bigalloc, shared_blocks, unknown ones)
 * never come so far: decoding the superblock refuses them.
 *
 * @throws refused for a state that a check or an unmount mends, unsupported for a
 *   kind of filesystem
 */
export function refuseState(superblock: Superblock, name: FilesystemName, write: boolean): void {
  const { title } = name
  const operand = shellWord(name.operand)
  const check = `Check it with: e2fsck -f ${operand}`
  const has = (feature: string): boolean => superblock.features.names.has(feature)
  if (has('needs_recovery')) {
    throw refused(
      'needs-recovery',
      `The journal of ${title} holds changes that have not been replayed: it was not unmounted, or is in use elsewhere.`,
      `Replay it with: e2fsck -fy ${operand}`,
    )
  }
  if (!write) return
  const state = { clean: 1, errors: 2, orphans: 4 }
  if (superblock.state & state.errors) {
    throw refused('has-errors', `The kernel has marked ${title} as having errors.`, check)
  }
  if (!(superblock.state & state.clean)) {
    throw refused('not-clean', `${title} was not cleanly unmounted.`, check)
  }
  if (superblock.lastOrphan !== 0 || superblock.state & state.orphans || has('orphan_present')) {
    throw refused('orphans', `${title} has deleted files whose blocks are not freed yet.`, check)
  }
  if (has('read-only')) {
    throw unsupported(
      'feature-read-only',
      `The filesystem on ${title} has the feature read-only: it is not to be changed.`,
      `If it may be after all: tune2fs -O ^read-only ${operand}`,
    )
  }
  const compat = unwritableCompat(superblock.features)
  if (compat !== undefined) {
    throw unsupported(
      'feature-unknown',
      `The filesystem on ${title} has a compatible feature that is not known well enough to write with it: ${compat}.`,
      'Use a newer bootpack, or pack it mounted by a kernel that knows it.',
    )
  }
  if (superblock.journalDevice !== 0) {
    throw unsupported(
      'external-journal',
      `${title} keeps its journal on another device.`,
      `Give it a journal of its own with: tune2fs -O ^has_journal ${operand} && tune2fs -O has_journal ${operand}`,
    )
  }
}
