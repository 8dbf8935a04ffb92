/**
 * inotify(7) on one file: whether anybody has opened it since. Works on the inode, so
 * that no other name or namespace escapes it, and takes no privilege but to read the file.
 */
import { closeSync, readSync } from 'node:fs'
import { lastErrno, libcFunction } from './libc.js'
import { errnoNumber, kernelError } from './errno.js'

const initialise = libcFunction('int inotify_init1(int)')
const addWatch = libcFunction('int inotify_add_watch(int, const char *, uint32_t)')

const IN_NONBLOCK = 0o4000
const IN_CLOEXEC = 0o2000000
const IN_OPEN = 0x20
/** Also where a watch cannot be had: instances per user and the memory for them are limited. */
const unavailable: readonly number[] = [
  errnoNumber.EMFILE,
  errnoNumber.ENFILE,
  errnoNumber.ENOMEM,
  errnoNumber.ENOSPC,
  errnoNumber.EACCES,
  errnoNumber.ENOSYS,
  // No /proc to name it by.
  errnoNumber.ENOENT,
]

export interface OpenNotice {
  /** Whether the file was opened since this was asked last, or since the beginning; by ourselves too. */
  opened(): boolean
  close(): void
}

/**
 * @param path of the file, such as /proc/self/fd/7
 * @returns undefined where there is no watch to be had
 * @throws KernelError
 */
export function noticeOpens(path: string): OpenNotice | undefined {
  const fd = initialise(IN_NONBLOCK | IN_CLOEXEC)
  if (fd < 0) return unavailableOr('inotify_init1', lastErrno())
  if (addWatch(fd, path, IN_OPEN) < 0) {
    const errno = lastErrno()
    closeSync(fd)
    return unavailableOr('inotify_add_watch', errno)
  }
  const events = Buffer.alloc(4096)
  return {
    opened() {
      let found = false
      for (;;) {
        try {
          if (readSync(fd, events) === 0) return found
          found = true
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return found
          throw error
        }
      }
    },
    close: () => closeSync(fd),
  }
}

function unavailableOr(call: string, errno: number): undefined {
  if (!unavailable.includes(errno)) throw kernelError({ call }, errno)
}
