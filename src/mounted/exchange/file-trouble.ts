/**
 * What a failed call means for the one file it was about. A filesystem in use has files
 * that are leased, executed, written to, deleted or guarded at any moment, and none of
 * them may stop the others. What is no single file's trouble is thrown on: descriptors or
 * memory run out, the filesystem became read-only or is damaged, the device fails to
 * commit.
 */
import { BootpackError } from '../../errors.js'
import { errnoName, errnoNumber, errnoOf, type ErrnoName } from '../../kernel/errno.js'
import type { StayReason } from '../../layout/reason.js'
import type { Stayed } from '../../volume/volume.js'

/** Why the file stays, or that it is not there any more. */
export type FileTrouble = Stayed<StayReason> | 'gone'

const reasons: Readonly<Partial<Record<ErrnoName, StayReason>>> = {
  // Opened with O_NONBLOCK: somebody holds a lease and has been asked to give it up.
  EAGAIN: 'leased',
  ETXTBSY: 'running',
  EBUSY: 'busy',
  ENODATA: 'busy',
  EINTR: 'busy',
  // An attribute that forbids it is looked at before; what is left is a program that watches opens.
  EPERM: 'refused',
  EACCES: 'refused',
  ENOKEY: 'encrypted',
  ENXIO: 'not-regular',
  ENODEV: 'not-regular',
  ELOOP: 'not-regular',
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EOPNOTSUPP: 'not-accepted',
}

const everybodys: readonly ErrnoName[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'EROFS', 'EUCLEAN']

/** @throws the error itself when it is not about the file alone */
export function troubleOf(error: unknown): FileTrouble {
  const errno = errnoOf(error)
  if (errno !== undefined) {
    if (everybodys.some((name) => errnoNumber[name] === errno)) throw error
    return troubleOfErrno(errno)
  }
  // The file changed faster than its map can be read.
  if (error instanceof BootpackError && error.family === 'io') return { reason: 'busy' }
  throw error
}

export function troubleOfErrno(errno: number): FileTrouble {
  if (errno === errnoNumber.ESTALE || errno === errnoNumber.ENOENT) return 'gone'
  const name = errnoName(errno)
  const reason = reasons[name as ErrnoName]
  if (reason === undefined) return { reason: 'failed', detail: name }
  return reason === 'refused' || reason === 'not-accepted' ? { reason, detail: name } : { reason }
}
