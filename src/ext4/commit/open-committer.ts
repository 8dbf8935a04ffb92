/** Which way a transaction becomes part of a filesystem: the choice of a committer. */
import { refused } from '../../errors.js'
import { getU32 } from '../../bytes/little-endian.js'
import type { Committer } from './committer.js'
import { readFileMap } from '../read/file-map.js'
import type { Filesystem } from '../read/filesystem.js'
import { Journal } from './journal.js'
import { InPlaceCommitter } from './no-journal.js'
import { superblockOffset, superblockSize } from '../format/superblock.js'
import { SuperblockMark } from './recovery-mark.js'
import { UndoStore } from '../undo/recording-store.js'

/**
 * Through the journal, or, where an undo file can take back whatever is written, in place.
 * @throws refused when a crash could not be mended: no journal and no undo file
 */
export async function openCommitter(filesystem: Filesystem): Promise<Committer> {
  const { superblock, store } = filesystem
  if (superblock.journalInode !== 0) {
    const { extents } = await readFileMap(filesystem, await filesystem.readInode(superblock.journalInode))
    return Journal.open({
      store,
      blockSize: superblock.blockSize,
      blockCount: superblock.blockCount,
      extents,
      seconds: await lastWriteTime(filesystem),
      mark: new SuperblockMark(filesystem, 'needs-recovery'),
    })
  }
  if (store instanceof UndoStore)
    return new InPlaceCommitter(store, superblock.blockSize, new SuperblockMark(filesystem, 'not-clean'))
  throw refused(
    'no-journal',
    'The filesystem has no journal: a crash in the middle could not be mended.',
    'Keep an undo file with --undo-file FILE, or give it a journal with: tune2fs -O has_journal IMAGE',
  )
}

/** s_wtime: a time for commit blocks that is the filesystem's own, so that equal runs write equal bytes. */
async function lastWriteTime(filesystem: Filesystem): Promise<number> {
  const bytes = new Uint8Array(superblockSize)
  await filesystem.store.read(superblockOffset, bytes)
  return getU32(bytes, 0x30)
}
