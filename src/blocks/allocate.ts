import { fileBlock, fsBlock } from '../layout/block.js'
import type { SpaceFile } from '../volume/block-space.js'
import { callError } from '../volume/call-error.js'
import { needAligned } from './alignment.js'

/** Allocation must start at the goal. Without it the goal is a hint where to begin. */
export const ALLOC_FIXED_START = 1
/** Exactly the length asked for, or nothing. Without it, up to that. */
export const ALLOC_FIXED_LEN = 2
/** One run of blocks. (The mail has it as ALLOC_CONTINGUOUS.) */
export const ALLOC_CONTIGUOUS = 4

const allFlags = ALLOC_FIXED_START | ALLOC_FIXED_LEN | ALLOC_CONTIGUOUS

/** Files have at most so many blocks; the last number is left out, as the kernel does. */
const mostFileBlocks = 0xffff_ffff

/**
 * Allocates new space to a file, from its position on: Jan Kara's
 * `sys_allocate(fd, mode, goal, len)`.
 *
 * The new blocks are unwritten and read as zeros. If they reach past the end of the
 * file, its size becomes the end of what was allocated. The position stays.
 *
 * @param file its position says where, in bytes, a multiple of the block size; no block
 *   of the interval may be allocated
 * @param mode ALLOC_FIXED_START, ALLOC_FIXED_LEN and ALLOC_CONTIGUOUS, or'ed
 * @param goal byte of the filesystem, a multiple of the block size; without
 *   ALLOC_FIXED_START where the search begins
 * @param len  bytes, a multiple of the block size
 * @returns bytes allocated: `len` with ALLOC_FIXED_LEN, else a block to `len`
 * @throws EINVAL for what is not aligned, no length, unknown flags, or a goal outside
 *   the filesystem; EEXIST when the interval has blocks; ENOSPC when there is no space
 *   that the flags allow; EFBIG; EROFS; EOPNOTSUPP for files that are not mapped by extents
 * Source: the mail "[RFC] Online defragmentation: system calls" to linux-ext4.
 */
export async function allocate(file: SpaceFile, mode: number, goal: number, len: number): Promise<number> {
  const { blockSize, blockCount, firstDataBlock } = file.space.geometry()
  if (!Number.isInteger(mode) || (mode & ~allFlags) !== 0)
    throw callError('EINVAL', `The mode ${mode} has flags that are not known.`)
  const logical = needAligned('The file position', file.position, blockSize)
  const length = needAligned('The length', len, blockSize)
  const goalBlock = needAligned('The goal', goal, blockSize)
  if (length === 0) throw callError('EINVAL', 'The length is 0.')
  if (goalBlock < firstDataBlock || goalBlock >= blockCount) {
    throw callError(
      'EINVAL',
      `The goal is block ${goalBlock}; the filesystem has ${firstDataBlock} to ${blockCount - 1}.`,
    )
  }
  if (logical + length > mostFileBlocks)
    throw callError('EFBIG', `The interval ends behind file block ${mostFileBlocks - 1}, the last there can be.`)
  if (!file.space.writable) throw callError('EROFS', 'The filesystem was opened for reading only.')
  const first = (await file.extents()).find(
    (old) => old.logical < logical + length && old.logical + old.length > logical,
  )
  if (first)
    throw callError(
      'EEXIST',
      `The interval has blocks already: file block ${Math.max(first.logical, logical)} is allocated.`,
    )
  const blocks = await file.place(fileBlock(logical), {
    goal: fsBlock(goalBlock),
    length,
    flags: {
      fixedStart: (mode & ALLOC_FIXED_START) !== 0,
      fixedLength: (mode & ALLOC_FIXED_LEN) !== 0,
      contiguous: (mode & ALLOC_CONTIGUOUS) !== 0,
    },
  })
  return blocks * blockSize
}
