/**
 * Whether a place looks like a filesystem of the ext family: enough to list and
 * choose, without a word on whether it can be opened.
 */
import { asciiAt, readBytes, view } from '../partitions/bytes.js'
import type { Store } from '../../storage/store.js'

export interface ExtPeek {
  readonly kind: 'ext2' | 'ext3' | 'ext4' | 'journal'
  /** As set by e2label; may be empty. */
  readonly label: string
  /** Bytes the filesystem says it has. */
  readonly size: number
}

/** @returns undefined when there is no plausible superblock at byte 1024 */
export async function peekExt(store: Store): Promise<ExtPeek | undefined> {
  if (store.size < 2048) return undefined
  const bytes = await readBytes(store, 1024, 1024)
  const fields = view(bytes)
  const u32 = (offset: number): number => fields.getUint32(offset, true)
  const s_inodes_count = u32(0x0)
  const s_log_block_size = u32(0x18)
  const s_magic = fields.getUint16(0x38, true)
  const s_feature_compat = u32(0x5c)
  const s_feature_incompat = u32(0x60)
  const s_feature_ro_compat = u32(0x64)
  const is64bit = (s_feature_incompat & 0x80) !== 0
  const blocks = u32(0x4) + (is64bit ? u32(0x150) * 2 ** 32 : 0)
  if (s_magic !== 0xef53 || s_log_block_size > 6 || blocks === 0) return undefined
  const isJournal = (s_feature_incompat & 0x8) !== 0
  if (!isJournal && (s_inodes_count === 0 || u32(0x20) === 0 || u32(0x28) === 0)) return undefined
  // What ext3 and ext2 do not know, as libblkid tells them apart.
  const isExt4 = (s_feature_incompat & ~0x16) !== 0 || (s_feature_ro_compat & ~0x7) !== 0
  const hasJournal = (s_feature_compat & 0x4) !== 0
  return {
    kind: isJournal ? 'journal' : isExt4 ? 'ext4' : hasJournal ? 'ext3' : 'ext2',
    label: asciiAt(bytes, 0x78, 16).replace(/\0.*$/s, ''),
    size: blocks * 1024 * 2 ** s_log_block_size,
  }
}
