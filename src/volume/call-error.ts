/**
 * Failures of the block-moving calls. The mail they come from names its errors by
 * errno, so the stable code of each is the name of an errno, and the family says what
 * kind of answer it asks for.
 */
import { BootpackError, type ErrorFamily } from '../errors.js'

const familyOf = {
  /** Numbers that make no sense: not aligned, outside, nothing to do. */
  EINVAL: 'usage',
  /** A descriptor that is of no use here: closed, or of another filesystem. */
  EBADF: 'usage',
  ENOENT: 'usage',
  EISDIR: 'usage',
  /** Blocks where there must be none. */
  EEXIST: 'usage',
  EXDEV: 'usage',
  /** Beyond what the format can number. */
  EFBIG: 'usage',
  EROFS: 'refused',
  EPERM: 'refused',
  ETXTBSY: 'refused',
  EBUSY: 'refused',
  EOPNOTSUPP: 'unsupported',
  ENOSPC: 'no-space',
  EINTR: 'interrupted',
} as const satisfies Record<string, ErrorFamily>

export type CallErrno = keyof typeof familyOf

/** @param next what can be done, a full sentence */
export const callError = (errno: CallErrno, message: string, next?: string): BootpackError =>
  new BootpackError(familyOf[errno], errno, message, next === undefined ? {} : { next })
