import { errnoNumber } from '../../kernel/errno.js'
import { fallocate, tryFallocate, type FallocateMode } from '../../kernel/fallocate.js'
import { fileDataSync } from '../../kernel/fdatasync.js'
import type { Arena } from './donor-file.js'

/**
 * fallocate on an arena where it may have to split an extent, which can take a block
 * for the tree. All that is free may be waiting for a commit; then that comes first.
 * @throws KernelError
 */
export function fallocateCommitted({ fd }: Arena, mode: FallocateMode, from: number, length: number): void {
  const errno = tryFallocate(fd, mode, from, length)
  if (errno === 0) return
  if (errno === errnoNumber.ENOSPC) fileDataSync(fd)
  fallocate(fd, mode, from, length)
}
