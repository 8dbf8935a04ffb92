/**
 * errno in the project's words. The number stays on the error, because callers
 * decide by it (retry EBUSY, skip ETXTBSY) and only people read the sentence.
 */
import { BootpackError, type ErrorFamily } from '../errors.js'

/** The numbers of the architectures Linux runs Node on (asm-generic). */
export const errnoNumber = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOLCK: 37,
  ENOSYS: 38,
  ELOOP: 40,
  ENODATA: 61,
  EPROTO: 71,
  EOVERFLOW: 75,
  EOPNOTSUPP: 95,
  ESTALE: 116,
  EUCLEAN: 117,
  EDQUOT: 122,
  ENOKEY: 126,
} as const

export type ErrnoName = keyof typeof errnoNumber

const nameOf = new Map<number, ErrnoName>(
  Object.entries(errnoNumber).map(([name, number]) => [number, name as ErrnoName]),
)

/** 'ENOSPC', or 'errno 200' for a number without a name here. */
export const errnoName = (errno: number): ErrnoName | `errno ${number}` => nameOf.get(errno) ?? `errno ${errno}`

/** What the kernel was asked to do, and on what. */
export interface KernelSubject {
  /** 'FS_IOC_FIEMAP', 'fallocate', … */
  readonly call: string
  /** A path or another name a person recognises. */
  readonly on?: string
}

/** A system call that failed. `errno` is the kernel's number, `name` the C name for it. */
export class KernelError extends BootpackError {
  readonly errno: number
  readonly subject: KernelSubject

  constructor(
    family: ErrorFamily,
    errno: number,
    subject: KernelSubject,
    message: string,
    next?: string,
    cause?: unknown,
  ) {
    super(family, errnoName(errno), message, {
      ...(next === undefined ? {} : { next }),
      ...(cause === undefined ? {} : { cause }),
    })
    this.errno = errno
    this.subject = subject
  }

  is(name: ErrnoName): boolean {
    return this.errno === errnoNumber[name]
  }
}

const families: Partial<Record<ErrnoName, ErrorFamily>> = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EPERM: 'refused',
  EACCES: 'refused',
  EROFS: 'refused',
  EOPNOTSUPP: 'unsupported',
  ENOTTY: 'unsupported',
  ENOSYS: 'unsupported',
  EUCLEAN: 'corrupt',
  EMFILE: 'io',
}

const nextSteps: Partial<Record<ErrnoName, string>> = {
  ENOSPC: 'Free some space on the filesystem and run it again.',
  EDQUOT: 'The disk quota is used up: raise it, or run as root.',
  EPERM: 'Run it as root, or on files of your own.',
  EACCES: 'Run it as root, or on files of your own.',
  EROFS: 'Remount the filesystem read-write, or pack its image while it is not mounted.',
  EOPNOTSUPP: 'This filesystem or file does not support it; pack the unmounted device instead.',
  ENOTTY: 'This is not an ext4 filesystem, or the kernel is older than the call.',
  ENOSYS: 'The kernel is older than the call.',
  EUCLEAN: 'Unmount the filesystem and run e2fsck on it first.',
  EMFILE: 'Raise the limit of open files (ulimit -n).',
}

const meanings: Partial<Record<ErrnoName, string>> = {
  EPERM: 'not permitted',
  ENOENT: 'no such file',
  EIO: 'the device failed',
  EBADF: 'the descriptor is not open for this',
  EACCES: 'access denied',
  EBUSY: 'in use',
  EXDEV: 'on another filesystem',
  EINVAL: 'not valid here',
  EMFILE: 'too many open files',
  ENOTTY: 'not available on this filesystem',
  ETXTBSY: 'being executed or used for swap',
  EFBIG: 'beyond the largest file',
  ENOSPC: 'no space left',
  EROFS: 'the filesystem is read-only',
  ELOOP: 'a symbolic link',
  ENODATA: 'no data there',
  EOPNOTSUPP: 'not supported here',
  ESTALE: 'the file is gone',
  EUCLEAN: 'the filesystem is damaged',
  EDQUOT: 'quota used up',
  ENOSYS: 'unknown to this kernel',
}

/** The project's error for an errno: the family decides the exit code. */
export function kernelError(subject: KernelSubject, errno: number, cause?: unknown): KernelError {
  const name = nameOf.get(errno)
  const meaning = (name === undefined ? undefined : meanings[name]) ?? 'failed'
  const on = subject.on === undefined ? '' : ` on ${subject.on}`
  return new KernelError(
    (name === undefined ? undefined : families[name]) ?? 'io',
    errno,
    subject,
    `${subject.call}${on}: ${meaning} (${errnoName(errno)})`,
    name === undefined ? undefined : nextSteps[name],
    cause,
  )
}

/** errno of whatever was thrown: ours, or Node's own file system errors; undefined otherwise. */
export function errnoOf(error: unknown): number | undefined {
  if (error instanceof KernelError) return error.errno
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') return Math.abs(error.errno)
  return undefined
}

export const failedWith = (error: unknown, ...names: readonly ErrnoName[]): boolean => {
  const errno = errnoOf(error)
  return errno !== undefined && names.some((name) => errnoNumber[name] === errno)
}

/** Runs a call of node:fs and turns its failure into ours. */
export function asKernelError<Result>(subject: KernelSubject, call: () => Result): Result {
  try {
    return call()
  } catch (error) {
    const errno = errnoOf(error)
    throw errno === undefined ? error : kernelError(subject, errno, error)
  }
}
