import { fileBlock } from '../layout/block.js'
import type { SpaceFile, SpliceOptions } from '../volume/block-space.js'
import { callError } from '../volume/call-error.js'
import { needAligned } from './alignment.js'

/**
 * Gives a file the blocks of another one: Jan Kara's
 * `sys_movedata(datafd, spacefd, from, len)`.
 *
 * Takes the blocks that `space` has in the interval and places them in `data` instead
 * of its own, at the same offsets. Block by block of the interval:
 *
 * | in `data` | in `space` | becomes, in `data`                                        |
 * |-----------|------------|-----------------------------------------------------------|
 * | block     | block      | the block of `space`, holding the data of before          |
 * | hole      | block      | the block of `space`, reading as zeros                    |
 * | block     | hole       | a hole: **what was there is gone**, unless holes: 'leave' |
 * | hole      | hole       | a hole                                                    |
 *
 * The blocks `data` had are released, and `space` has a hole in the interval. The
 * sizes of both stay. A block that was allocated and never written stays so; a block
 * over a hole is given as one never written, which is how it reads as zeros without
 * overwriting what somebody writes there meanwhile.
 *
 * Large intervals are carried out in steps of 64 MiB. In an image a crash, an error or
 * the signal leaves each step done or not begun. On a mounted filesystem the signal does
 * too; a crash or EBUSY, for data that is being written all the time, may leave part of a
 * step done: the rest is as it was, and no data is lost either way.
 *
 * @param from bytes, a multiple of the block size
 * @param len  bytes, a multiple of the block size; the interval ends at the latest with
 *   the block that holds the end of `data`
 * @throws EINVAL for what is not aligned, an interval that ends behind the data, or a
 *   file given as both; EXDEV for files of two filesystems; EROFS; EPERM, EBUSY,
 *   ETXTBSY, EOPNOTSUPP where a file must not or cannot be moved; ENOSPC when an extent
 *   tree cannot grow; EINTR
 * Source: the mail "[RFC] Online defragmentation: system calls" to linux-ext4.
 */
export async function movedata(
  data: SpaceFile,
  space: SpaceFile,
  from: number,
  len: number,
  options: SpliceOptions = {},
): Promise<void> {
  if (data.space !== space.space)
    throw callError('EXDEV', 'The two files are on two filesystems, or the filesystem was opened twice.')
  const { blockSize } = data.space.geometry()
  const logical = needAligned('The start', from, blockSize)
  const length = needAligned('The length', len, blockSize)
  if (data.inode === space.inode) throw callError('EINVAL', `Inode ${data.inode} was given as both files.`)
  if (!data.space.writable) throw callError('EROFS', 'The filesystem was opened for reading only.')
  if (length === 0) return
  const end = Math.ceil((await data.size()) / blockSize)
  if (logical + length > end) {
    throw callError(
      'EINVAL',
      `The interval ends behind the data: at block ${logical + length}, and the file has ${end}.`,
    )
  }
  await data.splice(space, fileBlock(logical), length, options)
}
