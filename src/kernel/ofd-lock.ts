/**
 * Locks of an open file description (fcntl F_OFD_SETLK, F_OFD_GETLK; Linux 3.15). They
 * lie on the inode, so that every name, namespace and container sees them, and go with
 * the descriptor, kill -9 included. A lock for writing takes a descriptor open for
 * writing, one for reading any: whoever may only read a file can keep others from
 * locking it for writing, but cannot pretend to write.
 *
 * The structure is that of getlk.ts, with l_pid 0 on the way in.
 */
import { errnoNumber, kernelError } from './errno.js'
import { lastErrno, libcFunction } from './libc.js'
import { setU64 } from './words.js'

const fcntl = libcFunction('int fcntl(int, int, ...)')

const F_OFD_GETLK = 36
const F_OFD_SETLK = 37
const F_RDLCK = 0
const F_WRLCK = 1
const F_UNLCK = 2

/** NFS without a lock server, FUSE, and kernels before 3.15. */
const unavailable: readonly number[] = [
  errnoNumber.EINVAL,
  errnoNumber.ENOLCK,
  errnoNumber.ENOSYS,
  errnoNumber.EOPNOTSUPP,
]

/** Bytes of a file. */
export interface LockRange {
  readonly start: number
  /** Infinity: to whatever end the file will have. */
  readonly end: number
}

const wholeFile: LockRange = { start: 0, end: Infinity }

function structure(type: number, { start, end }: LockRange): Buffer {
  const lock = Buffer.alloc(0x20)
  lock.writeInt16LE(type, 0x00)
  setU64(lock, 0x08, start)
  setU64(lock, 0x10, end === Infinity ? 0 : end - start)
  return lock
}

/**
 * Locks a range of a file for writing, without waiting.
 * @param fd open for writing
 * @returns 'refused' when somebody else has a lock on any of it; 'unavailable' where there are no such locks
 * @throws KernelError
 */
export function tryWriteLock(fd: number, range = wholeFile): 'taken' | 'refused' | 'unavailable' {
  for (;;) {
    if (fcntl(fd, F_OFD_SETLK, 'void *', structure(F_WRLCK, range)) === 0) return 'taken'
    const errno = lastErrno()
    if (errno === errnoNumber.EAGAIN || errno === errnoNumber.EACCES) return 'refused'
    if (unavailable.includes(errno)) return 'unavailable'
    if (errno !== errnoNumber.EINTR) throw kernelError({ call: 'fcntl F_OFD_SETLK' }, errno)
  }
}

/**
 * What kind of byte-range lock somebody else has on the range; of several one for writing.
 * @param fd open in any way
 */
export function lockOfOthers(fd: number, range = wholeFile): 'write' | 'read' | undefined {
  // Asked as a reader, only writers' locks are in the way.
  for (const [asked, kind] of [
    [F_RDLCK, 'write'],
    [F_WRLCK, 'read'],
  ] as const) {
    const lock = structure(asked, range)
    if (fcntl(fd, F_OFD_GETLK, 'void *', lock) !== 0) return undefined
    if (lock.readInt16LE(0x00) !== F_UNLCK) return kind
  }
  return undefined
}
