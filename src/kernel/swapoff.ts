import { checked, libcFunction } from './libc.js'

const swapoffCall = libcFunction('int swapoff(const char *path)')

/**
 * Brings back into memory what was swapped out to a file or device, and uses it no more.
 * @throws KernelError, ENOMEM when there is no room for it
 */
export function swapOff(path: string): void {
  checked({ call: 'swapoff', on: path }, () => swapoffCall(path))
}
