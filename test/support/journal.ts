/** The journal of an image, as debugfs sees it. */
import { getU32, putU32 } from '../../src/bytes/little-endian.js'
import { crc32c } from '../../src/bytes/crc32c.js'
import { Journal } from '../../src/ext4/commit/journal.js'
import type { Store } from '../../src/storage/store.js'
import { extent, type Extent } from '../../src/layout/extent.js'
import { fsBlock } from '../../src/layout/block.js'
import { debugfs } from './images.js'

/** Mapping of the journal inode. */
export function journalExtents(image: string): Extent[] {
  const text = debugfs(image, 'stat <8>').split(/^(?:EXTENTS|BLOCKS):$/m)[1] ?? ''
  const extents: Extent[] = []
  for (const [, first, last, physical] of text.matchAll(/\((\d+)(?:-(\d+))?\):(\d+)/g)) {
    extents.push(extent(Number(first), Number(physical), Number(last ?? first) - Number(first) + 1))
  }
  return extents
}

/** Turns needs_recovery on or off in a superblock of 1024 bytes. */
export function flagNeedsRecovery(superblock: Uint8Array, on: boolean): void {
  const s_feature_incompat = getU32(superblock, 0x60)
  putU32(superblock, 0x60, on ? s_feature_incompat | 0x4 : s_feature_incompat & ~0x4)
  const metadataChecksums = (getU32(superblock, 0x64) & 0x400) !== 0
  if (metadataChecksums) putU32(superblock, 0x3fc, crc32c(~0, superblock, 0, 0x3fc))
}

/** Opens the journal of a store whose journal inode lies where that of the image file does. */
export function openJournal(
  store: Store,
  image: string,
  blockSize: number,
  blockCount = store.size / blockSize,
): Promise<Journal> {
  return Journal.open({
    store,
    blockSize,
    blockCount,
    extents: journalExtents(image),
    seconds: 1_500_000_000,
    mark: {
      write: async (on) => {
        const superblock = new Uint8Array(1024)
        await store.read(1024, superblock)
        flagNeedsRecovery(superblock, on)
        await store.write(1024, superblock)
      },
      apply: (blocks) => {
        const [block, offset] = blockSize === 1024 ? [fsBlock(1), 0] : [fsBlock(0), 1024]
        const bytes = blocks.get(block)
        if (bytes) flagNeedsRecovery(bytes.subarray(offset, offset + 1024), true)
      },
    },
  })
}
