/**
 * One writer of an image: a lock on the file itself, seen through every name, hard link,
 * namespace and container, and gone with its holder. It is a lock for writing on an open
 * file description, which takes write permission. flock(2) would not do: whoever may
 * read a file can take that and keep everybody else off.
 *
 * A lock for reading takes no more than that either, and is in the way of ours. The
 * kernel knows whether anybody has the file open for writing; if nobody has, such a
 * lock is a mere reader's, and root goes on without its own (docs/reliability.md).
 */
import { closeSync, constants, openSync } from 'node:fs'
import { lockOfOthers, tryWriteLock, type LockRange } from '../kernel/ofd-lock.js'
import { giveLeaseBack, tryLease } from '../kernel/lease.js'
import type { FileIdentity, Identity } from './block-devices.js'
import { openersOf, seesEverybody, type Opener } from './openers.js'

/** Somebody else who writes; who it is only where that can be seen. */
export interface OtherWriter {
  /** 'lock': holds the lock of a bootpack. */
  readonly as: 'lock' | 'writer'
  readonly opener: Pick<Opener, 'process' | 'command'> | undefined
}

/**
 * Asked before the file is opened for writing.
 * @param fd of the file, open for reading only
 */
export function findWriter(fd: number, identity: FileIdentity): OtherWriter | undefined {
  if (process.platform !== 'linux') return undefined
  const seen = (which: (opener: Opener) => boolean): Opener | undefined => openersOf(identity).find(which)
  if (lockOfOthers(fd) === 'write') return { as: 'lock', opener: seen(({ locks }) => locks) }
  switch (tryLease(fd, 'read')) {
    case 'held':
      giveLeaseBack(fd)
      return undefined
    case 'others':
      return { as: 'writer', opener: seen(({ writes }) => writes) }
    case 'unavailable': {
      const opener = seen(({ writes }) => writes)
      // Virtual machines lock what they use, for reading even where they write.
      return opener || lockOfOthers(fd) ? { as: 'writer', opener } : undefined
    }
  }
}

/**
 * Locks what a bootpack is going to write, for as long as the descriptor is open.
 * @param fd    of the file, open for writing
 * @param range the part of it that is written
 * @returns who is in the way
 */
export function lockForWriting(fd: number, identity: FileIdentity, range?: LockRange): OtherWriter | undefined {
  if (process.platform !== 'linux' || tryWriteLock(fd, range) !== 'refused') return undefined
  const openers = openersOf(identity)
  if (lockOfOthers(fd, range) === 'write') return { as: 'lock', opener: openers.find(({ locks }) => locks) }
  const opener = openers.find(({ writes }) => writes)
  // Where everybody is seen and nobody writes, the lock is a mere reader's.
  return opener || !seesEverybody() ? { as: 'writer', opener } : undefined
}

/**
 * Who holds a file or device as a bootpack does that writes to it. Takes nothing.
 * @param fd of it, open for reading
 */
export function findHolder(fd: number, path: string, identity: Identity): OtherWriter | undefined {
  if (process.platform !== 'linux') return undefined
  if (identity.kind === 'file') {
    const locked = lockOfOthers(fd) === 'write'
    return locked ? { as: 'lock', opener: openersOf(identity).find(({ locks }) => locks) } : undefined
  }
  try {
    closeSync(openSync(path, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK))
    return undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return undefined
    return { as: 'writer', opener: openersOf(identity).find(({ writes }) => writes) }
  }
}
