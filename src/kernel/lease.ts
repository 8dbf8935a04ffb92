/**
 * Leases (fcntl F_SETLEASE): the kernel lets nobody else open a file as long as one is
 * held, whatever name, namespace or container they come from.
 *
 * A lease for writing is given on the only open description there is of a file, be it
 * open for reading or writing, by a process or by the kernel (a loop device, a mapping).
 * Whoever then opens or truncates the file waits, is known to wait (`leaseState`), and
 * gets in when the lease is given back, or after /proc/sys/fs/lease-break-time seconds
 * (45) without it. With O_NONBLOCK he gets EAGAIN instead, but counts as waiting too.
 *
 * A lease for reading is given on a description open for reading when nobody has the
 * file open for writing: a question about all writers that the kernel answers.
 *
 * Leases are for the owner of the file and for CAP_LEASE, on local filesystems.
 */
import { constants as osConstants } from 'node:os'
import { readFileSync } from 'node:fs'
import { errnoNumber, kernelError } from './errno.js'
import { checked, lastErrno, libcFunction } from './libc.js'

const fcntl = libcFunction('int fcntl(int, int, ...)')

const F_SETSIG = 10
const F_SETLEASE = 1024
const F_GETLEASE = 1025
const F_RDLCK = 0
const F_WRLCK = 1
const F_UNLCK = 2

/** Not the owner; a filesystem without leases. Everything else that is wrong is a fault of ours. */
const unavailable: readonly number[] = [
  errnoNumber.EACCES,
  errnoNumber.EPERM,
  errnoNumber.EINVAL,
  errnoNumber.ENOSYS,
  errnoNumber.EOPNOTSUPP,
]

/**
 * @param fd   for 'read' open for reading only
 * @returns 'others' when somebody has the file open in a way the lease does not allow
 * @throws KernelError
 */
export function tryLease(fd: number, kind: 'read' | 'write'): 'held' | 'others' | 'unavailable' {
  // Who waits is announced by a signal. SIGIO, the usual one, would end the process; this one
  // is ignored unless listened to. The kernel forgets the choice with every lease.
  checked({ call: 'fcntl F_SETSIG' }, () => fcntl(fd, F_SETSIG, 'int', osConstants.signals.SIGURG))
  if (fcntl(fd, F_SETLEASE, 'int', kind === 'read' ? F_RDLCK : F_WRLCK) === 0) return 'held'
  const errno = lastErrno()
  if (errno === errnoNumber.EAGAIN) return 'others'
  if (unavailable.includes(errno)) return 'unavailable'
  throw kernelError({ call: 'fcntl F_SETLEASE' }, errno)
}

/** Lets in whoever waits. */
export function giveLeaseBack(fd: number): void {
  // Fails only where there is none any more.
  fcntl(fd, F_SETLEASE, 'int', F_UNLCK)
}

/**
 * What is left of a lease for writing: 'write' while nobody waits; 'read' while a reader
 * waits; 'none' while a writer waits, and also when there is none any more.
 */
export function leaseState(fd: number): 'write' | 'read' | 'none' {
  const state = checked({ call: 'fcntl F_GETLEASE' }, () => fcntl(fd, F_GETLEASE))
  return state === F_WRLCK ? 'write' : state === F_RDLCK ? 'read' : 'none'
}

/** Seconds after which who waits gets in all the same. */
export function leaseBreakTime(): number {
  try {
    return Number(readFileSync('/proc/sys/fs/lease-break-time', 'utf8')) || 45
  } catch {
    return 45
  }
}
