/**
 * System calls that Node does not have, and what more of them are made of: a C prototype
 * becomes a function, an ioctl takes a structure, errno becomes an error with a next step.
 * The C library is loaded by the first call, not by the import.
 *
 * @packageDocumentation
 */
export { addressOf, checked, ioctl, lastErrno, libcFunction, tryIoctl } from '../kernel/libc.js'
export { ioRead, ioReadWrite, ioWrite } from '../kernel/ioctl-number.js'
export { alignedBuffer } from '../kernel/aligned-buffer.js'
export { allOnes, getU64, setU64, whole } from '../kernel/words.js'
export {
  asKernelError,
  errnoName,
  errnoNumber,
  failedWith,
  KernelError,
  kernelError,
  type ErrnoName,
  type KernelSubject,
} from '../kernel/errno.js'

export { fallocate, tryFallocate } from '../kernel/fallocate.js'
export { directoryEntries } from '../kernel/getdents.js'
export { lockHolder } from '../kernel/getlk.js'
export { filesystemSpace } from '../kernel/statfs.js'
export { syncFilesystem } from '../kernel/syncfs.js'
export { openTemporaryFile } from '../kernel/temporary-file.js'
export type { DirectoryEntry } from '../kernel/getdents.js'
export type { FilesystemSpace } from '../kernel/statfs.js'
export type { NativeFunction } from '../kernel/libc.js'
export type { LockHolder } from '../kernel/getlk.js'
export type { EntryType } from '../kernel/getdents.js'
