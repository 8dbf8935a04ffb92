/** Files of a mounted filesystem opened for changing, and the errno of what forbids it. */
import { closeSync, fstatSync } from 'node:fs'
import { openForMoving, openGuarded } from '../exchange/file-guard.js'
import type { RelocateContext } from '../engine/relocate.js'
import type { BootpackError } from '../../errors.js'
import { stayReasons, type StayReason } from '../../layout/reason.js'
import { callError, type CallErrno } from '../../volume/call-error.js'

const errnoOf: Readonly<Partial<Record<StayReason, CallErrno>>> = {
  busy: 'EBUSY',
  locked: 'EBUSY',
  running: 'ETXTBSY',
  'swap-file': 'ETXTBSY',
  immutable: 'EPERM',
  'append-only': 'EPERM',
  encrypted: 'EOPNOTSUPP',
  'inline-data': 'EOPNOTSUPP',
  'indirect-mapped': 'EOPNOTSUPP',
  'journal-data': 'EOPNOTSUPP',
  'shared-xattr': 'EOPNOTSUPP',
  'not-regular': 'EINVAL',
  'no-space': 'ENOSPC',
}

export function forbidden(inode: number, reason: StayReason): BootpackError {
  return callError(errnoOf[reason] ?? 'EBUSY', `Inode ${inode} cannot be changed now: ${stayReasons[reason].says}.`)
}

/**
 * Opens a file to change its blocks, if that may be; closes it afterwards.
 * @throws ENOENT, and what {@link forbidden} makes of the reason
 */
export async function changing<T>(
  context: RelocateContext,
  inode: number,
  use: (fd: number, size: number) => T | Promise<T>,
): Promise<T> {
  const guarded = openGuarded(context.root, inode)
  if (guarded === 'gone') throw callError('ENOENT', `Inode ${inode} has been deleted.`)
  if ('reason' in guarded) throw forbidden(inode, guarded.reason)
  closeSync(guarded.fd)
  const opened = openForMoving(context.root, inode, context.swapFiles())
  if (opened === 'gone') throw callError('ENOENT', `Inode ${inode} has been deleted.`)
  if ('reason' in opened) throw forbidden(inode, opened.reason)
  try {
    return await use(opened.fd, fstatSync(opened.fd).size)
  } finally {
    closeSync(opened.fd)
  }
}
