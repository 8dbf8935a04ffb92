/** A failure as a system call reports it. */
import { constants } from 'node:os'
import { BootpackError } from 'bootpack'
import type { ErrorFamily } from 'bootpack/types'

export type ErrnoName = keyof typeof constants.errno

export class Errno extends Error {
  override readonly name = 'Errno'

  readonly errno: ErrnoName

  constructor(errno: ErrnoName, message: string = errno) {
    super(message)
    this.errno = errno
  }
}

const ofFamily: Readonly<Record<ErrorFamily, ErrnoName>> = {
  usage: 'EINVAL',
  refused: 'EPERM',
  stopped: 'EBUSY',
  unsupported: 'EOPNOTSUPP',
  corrupt: 'EIO',
  'no-space': 'ENOSPC',
  io: 'EIO',
  interrupted: 'EINTR',
}

/**
 * The number a client is answered with. An error whose code is the name of an errno
 * means that; other errors of the project are told by their family; the rest is EIO.
 */
export function errnoOf(error: unknown): number {
  if (error instanceof Errno) return constants.errno[error.errno]
  if (error instanceof BootpackError)
    return constants.errno[isErrnoName(error.code) ? error.code : ofFamily[error.family]]
  const { code } = error as NodeJS.ErrnoException
  return constants.errno[code !== undefined && isErrnoName(code) ? code : 'EIO']
}

const isErrnoName = (name: string): name is ErrnoName => name in constants.errno
