/**
 * fanotify(7): the kernel tells of every file of a filesystem that is opened, run or
 * read. Each event comes with an open descriptor of the file, which the reader must
 * close. It does not say which bytes, and nothing of pages read through a mapping.
 *
 *   struct fanotify_event_metadata {
 *     u32 event_len;      0x00
 *     u8  vers;           0x04   3
 *     u16 metadata_len;   0x06
 *     u64 mask;           0x08
 *     s32 fd;             0x10   -1 when the queue overflowed
 *     s32 pid;            0x14   process, not thread; 0 outside our pid namespace
 *   };
 *
 * The layout is include/uapi/linux/fanotify.h. Needs CAP_SYS_ADMIN.
 */
import { closeSync, constants, readSync } from 'node:fs'
import { BootpackError } from '../errors.js'
import { asKernelError, failedWith } from './errno.js'
import { checked, libcFunction } from './libc.js'

const initialise = libcFunction('int fanotify_init(unsigned int, unsigned int)')
const mark = libcFunction('int fanotify_mark(int, unsigned int, uint64_t, int, const char *)')

const FAN_CLOEXEC = 0x1
const FAN_NONBLOCK = 0x2
const FAN_UNLIMITED_QUEUE = 0x10

const FAN_MARK_ADD = 0x1
const FAN_MARK_MOUNT = 0x10
const FAN_MARK_FILESYSTEM = 0x100

const FAN_ACCESS = 0x1
const FAN_OPEN = 0x20
const FAN_OPEN_EXEC = 0x1000
const FAN_Q_OVERFLOW = 0x4000
const FAN_ONDIR = 0x4000_0000

const AT_FDCWD = -100
const O_CLOEXEC = 0o2000000
const version = 3
const metadataSize = 0x18

/** Each event in the buffer is an open descriptor; this many at a time stay far below any limit. */
const mostEvents = 200
let shared: Buffer | undefined

export interface AccessEvent {
  /** Open for reading; valid during the call only. */
  readonly fd: number
  readonly pid: number
  readonly opened: boolean
  /** Opened to be run. */
  readonly executed: boolean
  /** Of a directory: listed. That it is one, only the descriptor tells. */
  readonly read: boolean
}

/**
 * A group that reports and never asks: nobody waits for us.
 * @returns a descriptor that is read without waiting
 * @throws refused without the privilege, unsupported where the kernel has no fanotify
 */
export function openFanotify(): number {
  // Files are opened for us without waiting (a pipe on the disk), and without touching their access times.
  const eventFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOATIME | O_CLOEXEC
  try {
    return checked({ call: 'fanotify_init' }, () =>
      initialise(FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE, eventFlags),
    )
  } catch (cause) {
    if (failedWith(cause, 'EPERM'))
      throw new BootpackError('refused', 'needs-root', 'Listening to all reads of a filesystem is for root.', {
        next: 'Run the command with sudo.',
        cause,
      })
    if (failedWith(cause, 'ENOSYS', 'EINVAL'))
      throw new BootpackError('unsupported', 'no-fanotify', 'This kernel has no fanotify.', {
        next: 'Use another method.',
        cause,
      })
    throw cause
  }
}

/**
 * Listens to a whole filesystem, or on kernels before 4.20 to one mount of it.
 * @param path anything on it
 * @returns what is listened to
 * @throws unsupported where the filesystem cannot be listened to; KernelError
 */
export function markAccess(fanotify: number, path: string): 'filesystem' | 'mount' {
  const mask = FAN_ACCESS | FAN_OPEN | FAN_ONDIR
  const attempts = [
    [FAN_MARK_FILESYSTEM, mask | FAN_OPEN_EXEC],
    [FAN_MARK_FILESYSTEM, mask],
    [FAN_MARK_MOUNT, mask | FAN_OPEN_EXEC],
    [FAN_MARK_MOUNT, mask],
  ] as const
  let failure: unknown
  for (const [scope, wanted] of attempts) {
    try {
      checked({ call: 'fanotify_mark', on: path }, () => mark(fanotify, FAN_MARK_ADD | scope, wanted, AT_FDCWD, path))
      return scope === FAN_MARK_FILESYSTEM ? 'filesystem' : 'mount'
    } catch (cause) {
      // EINVAL: older than the flag. Filesystems without an identity refuse only to be listened to as a whole.
      if (!failedWith(cause, 'EINVAL', 'ENODEV', 'EOPNOTSUPP', 'EXDEV')) throw cause
      failure = cause
    }
  }
  throw new BootpackError('unsupported', 'no-fanotify', `The filesystem at ${path} cannot be listened to.`, {
    next: 'Use another method.',
    cause: failure,
  })
}

/**
 * Takes what has happened since, and returns when the queue is empty.
 * @param take its descriptor is closed afterwards, whatever happens
 * @returns how often the queue had overflowed
 * @throws KernelError
 */
export function readAccessEvents(fanotify: number, take: (event: AccessEvent) => void): number {
  shared ??= Buffer.alloc(mostEvents * metadataSize)
  const buffer = shared
  let overflows = 0
  for (;;) {
    let filled: number
    try {
      filled = asKernelError({ call: 'read', on: 'fanotify' }, () => readSync(fanotify, buffer))
    } catch (cause) {
      if (failedWith(cause, 'EAGAIN')) return overflows
      // The file could not be opened for us any more: its event is gone, those behind it are not.
      if (failedWith(cause, 'ESTALE', 'ENOENT', 'EACCES', 'ENXIO', 'ENODEV', 'ETXTBSY', 'EOVERFLOW', 'ELOOP')) continue
      throw cause
    }
    if (filled === 0) return overflows
    overflows += takeAll(buffer, filled, take)
  }
}

/** All descriptors in the buffer are ours to close, also when `take` throws. */
function takeAll(buffer: Buffer, filled: number, take: (event: AccessEvent) => void): number {
  let overflows = 0
  let failure: unknown
  for (let at = 0; at + metadataSize <= filled;) {
    const length = buffer.readUInt32LE(at)
    if (length < metadataSize || buffer[at + 4] !== version) break
    const mask = buffer.readUInt32LE(at + 8)
    const fd = buffer.readInt32LE(at + 0x10)
    if ((mask & FAN_Q_OVERFLOW) !== 0) overflows++
    if (fd >= 0) {
      try {
        if (failure === undefined) take(eventOf(mask, fd, buffer.readInt32LE(at + 0x14)))
      } catch (error) {
        failure = error
      } finally {
        closeSync(fd)
      }
    }
    at += length
  }
  if (failure !== undefined) throw failure
  return overflows
}

const eventOf = (mask: number, fd: number, pid: number): AccessEvent => ({
  fd,
  pid,
  opened: (mask & FAN_OPEN) !== 0,
  executed: (mask & FAN_OPEN_EXEC) !== 0,
  read: (mask & FAN_ACCESS) !== 0,
})
