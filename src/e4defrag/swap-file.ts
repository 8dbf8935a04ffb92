import { readSync } from 'node:fs'
import type { FileStatus } from '../kernel/statx.js'
import {
  isSwapVersion,
  mayBeSwapFile,
  swapPages,
  swapSignatureLength,
  swapSignatures,
  swapVersionOffset,
} from '../layout/swap-signature.js'

/**
 * Whether a file is one to swap to or to sleep in, in use or not: `resume_offset=` may name
 * its blocks across boots.
 * @param fd open for reading
 */
export function isSwapFile(fd: number, status: FileStatus): boolean {
  if (!mayBeSwapFile(status)) return false
  const read = (at: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length)
    readSync(fd, bytes, 0, length, at)
    return bytes
  }
  const isSigned = (page: number): boolean =>
    swapSignatures.has(read(page - swapSignatureLength, swapSignatureLength).toString('latin1'))
  if (isSigned(swapPages.smallest)) return true
  return isSwapVersion(read(swapVersionOffset, 4).readUInt32LE()) && swapPages.larger.some(isSigned)
}
