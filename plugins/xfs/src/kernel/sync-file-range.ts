/**
 * sync_file_range(2): a file's dirty pages on their way to the device and there, without
 * the flush of the device's cache that fsync adds. For those who want to see where pages
 * go, not to be sure that they stay.
 */
import { checked, libcFunction } from 'bootpack/kernel'

const call = libcFunction('int sync_file_range(int, int64_t, int64_t, unsigned int)')

const WAIT_BEFORE = 1
const WRITE = 2
const WAIT_AFTER = 4

/** @throws KernelError io when the device failed */
export function writeDirtyPages(fd: number): void {
  checked({ call: 'sync_file_range' }, () => call(fd, 0, 0, WAIT_BEFORE | WRITE | WAIT_AFTER))
}
