/**
 * flock(2): one holder at a time for an open file. The lock goes with its holder,
 * kill -9 included, so that finding it free means that nobody is there any more.
 */
import { errnoNumber, kernelError } from './errno.js'
import { lastErrno, libcFunction } from './libc.js'

const call = libcFunction('int flock(int, int)')

const LOCK_EX = 2
const LOCK_NB = 4

/**
 * @returns false when somebody else holds it
 * @throws KernelError
 */
export function tryLock(fd: number): boolean {
  for (;;) {
    if (call(fd, LOCK_EX | LOCK_NB) === 0) return true
    const errno = lastErrno()
    if (errno === errnoNumber.EAGAIN) return false
    if (errno !== errnoNumber.EINTR) throw kernelError({ call: 'flock' }, errno)
  }
}
