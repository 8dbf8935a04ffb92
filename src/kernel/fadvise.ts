/**
 * posix_fadvise(2): asks for a file's pages, or lets go of them. Dirty and mapped
 * pages stay whatever is asked. Returns its error instead of setting errno.
 */
import { kernelError } from './errno.js'
import { libcFunction } from './libc.js'
import { whole } from './words.js'

const call = libcFunction('int posix_fadvise(int, int64_t, int64_t, int)')

const advice = { random: 1, willNeed: 3, dontNeed: 4 } as const

/**
 * @param from   bytes
 * @param length bytes; 0 is to the end of the file
 * @throws KernelError
 */
export function fileAdvise(fd: number, what: keyof typeof advice, from = 0, length = 0): void {
  const errno = call(fd, whole(from), whole(length), advice[what])
  if (errno !== 0) throw kernelError({ call: 'posix_fadvise' }, errno)
}
