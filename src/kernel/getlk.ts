/**
 * fcntl(F_GETLK): whether another process holds a POSIX record lock on any part of
 * a file. Says nothing about flock(2) locks and leases.
 *
 *   struct flock {        64-bit layout
 *     short l_type;       0x00
 *     short l_whence;     0x02
 *     off_t l_start;      0x08
 *     off_t l_len;        0x10   0: to the end
 *     pid_t l_pid;        0x18   -1 for a lock of an open file description
 *   };
 */
import { checked, libcFunction } from './libc.js'

const fcntl = libcFunction('int fcntl(int, int, ...)')

const F_GETLK = 5
const F_RDLCK = 0
const F_WRLCK = 1
const F_UNLCK = 2

export interface LockHolder {
  /** Process id; -1 where the lock belongs to an open file description. */
  readonly pid: number
  readonly kind: 'read' | 'write'
}

/**
 * @param asker asks as a writer would, so that readers' locks show too, or as a reader,
 *              so that only writers' do; those take a file that is open for writing
 * @throws KernelError
 */
export function lockHolder(fd: number, asker: 'read' | 'write' = 'write'): LockHolder | undefined {
  const lock = Buffer.alloc(0x20)
  lock.writeInt16LE(asker === 'write' ? F_WRLCK : F_RDLCK, 0x00)
  checked({ call: 'fcntl F_GETLK' }, () => fcntl(fd, F_GETLK, 'void *', lock))
  const type = lock.readInt16LE(0x00)
  if (type === F_UNLCK) return undefined
  return { pid: lock.readInt32LE(0x18), kind: type === F_WRLCK ? 'write' : 'read' }
}
