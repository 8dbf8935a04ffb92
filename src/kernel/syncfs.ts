/**
 * syncfs(2): everything dirty of one filesystem, and its journal, on the disk.
 * Blocks freed before it are free for the allocator after it.
 */
import { checked, libcFunction } from './libc.js'

const call = libcFunction('int syncfs(int)')

/** @throws KernelError when writing back failed since the descriptor was opened */
export function syncFilesystem(fd: number): void {
  checked({ call: 'syncfs' }, () => call(fd))
}
