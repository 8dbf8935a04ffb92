/**
 * fanotify(7) as a doorkeeper: the kernel asks before it lets anybody open a file, and
 * keeps them waiting until it is answered. On the inode, so that no other name, mount or
 * namespace escapes it. Needs CAP_SYS_ADMIN. When the descriptor is closed, kill -9
 * included, everybody who waits gets in.
 *
 * The events are those of fanotify.ts; the answer is
 *
 *   struct fanotify_response { s32 fd; u32 response; };    FAN_ALLOW 1, FAN_DENY 2
 */
import { closeSync, constants, readSync, writeSync } from 'node:fs'
import { lastErrno, libcFunction } from './libc.js'
import { errnoNumber, kernelError } from './errno.js'

const initialise = libcFunction('int fanotify_init(unsigned int, unsigned int)')
const mark = libcFunction('int fanotify_mark(int, unsigned int, uint64_t, int, const char *)')

const FAN_CLOEXEC = 0x1
const FAN_NONBLOCK = 0x2
const FAN_CLASS_CONTENT = 0x4
const FAN_UNLIMITED_QUEUE = 0x10
const FAN_MARK_ADD = 0x1
const FAN_OPEN_PERM = 0x1_0000
const FAN_ALLOW = 1
const AT_FDCWD = -100
const O_CLOEXEC = 0o2000000
const metadataSize = 0x18

/** No privilege, or a kernel without such questions. */
const unavailable: readonly number[] = [
  errnoNumber.EPERM,
  errnoNumber.EINVAL,
  errnoNumber.ENOSYS,
  errnoNumber.EMFILE,
  errnoNumber.ENOMEM,
  errnoNumber.EOPNOTSUPP,
  errnoNumber.ENODEV,
]

export class OpenPermission {
  private readonly group: number
  /** Descriptors by which those who wait are answered. */
  private readonly waiting: number[] = []
  private readonly events = Buffer.alloc(64 * metadataSize)

  private constructor(group: number) {
    this.group = group
  }

  /**
   * @param paths of files, such as /proc/self/fd/7
   * @returns undefined where the kernel does not ask us
   * @throws KernelError
   */
  static open(paths: readonly string[]): OpenPermission | undefined {
    const flags = FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE
    const group = initialise(flags, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOATIME | O_CLOEXEC)
    if (group < 0) return unavailableOr('fanotify_init')
    for (const path of paths) {
      if (mark(group, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, path) === 0) continue
      const errno = lastErrno()
      closeSync(group)
      return unavailableOr('fanotify_mark', errno)
    }
    return new OpenPermission(group)
  }

  /** Whether somebody waits. This process never does: it is let in at once. */
  get somebodyWaits(): boolean {
    for (;;) {
      let filled: number
      try {
        filled = readSync(this.group, this.events)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
        return this.waiting.length > 0
      }
      for (let at = 0; at + metadataSize <= filled; at += this.events.readUInt32LE(at)) {
        const fd = this.events.readInt32LE(at + 0x10)
        if (fd < 0) continue
        if (this.events.readInt32LE(at + 0x14) === process.pid) this.allow(fd)
        else this.waiting.push(fd)
      }
    }
  }

  /** Lets in everybody who waits. */
  letIn(): void {
    for (const fd of this.waiting.splice(0)) this.allow(fd)
  }

  close(): void {
    this.letIn()
    closeSync(this.group)
  }

  private allow(fd: number): void {
    const response = Buffer.alloc(8)
    response.writeInt32LE(fd, 0)
    response.writeUInt32LE(FAN_ALLOW, 4)
    try {
      writeSync(this.group, response)
    } finally {
      closeSync(fd)
    }
  }
}

function unavailableOr(call: string, errno = lastErrno()): undefined {
  if (!unavailable.includes(errno)) throw kernelError({ call }, errno)
}
