import type { OwnedKind } from '../layout/owner.js'

/**
 * One read of a boot, resolved against a volume: which blocks of which inode, so
 * that the same boot can be measured on another layout of the same files.
 */
export interface BootRead {
  /** Microseconds since the trace began. */
  readonly t?: number
  /**
   * `device` names blocks that never move: inode tables, bitmaps, the journal. `inode`
   * is what loading the inode reads of its table, where its number is part of the layout.
   */
  readonly kind: OwnedKind | 'device' | 'inode'
  /** 0 for device. */
  readonly inode: number
  /**
   * First block: of the file for data, directory and symlink; place in the
   * depth-first order of the tree; 0 for xattr and inode; physical for device.
   */
  readonly block: number
  /** Blocks. */
  readonly length: number
  /** The program that reads, and its systemd unit, where the trace tells. */
  readonly by?: string
  readonly unit?: string
}
