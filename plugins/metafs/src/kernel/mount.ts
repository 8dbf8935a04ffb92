/**
 * Mounting a FUSE filesystem and taking it away again: mount(2) with the descriptor
 * of /dev/fuse, umount2(2). Root's way, without the helper program fusermount3, which
 * hands descriptors over a socket that Node cannot receive them from.
 */
import { constants, openSync } from 'node:fs'
import { BootpackError, usageError } from 'bootpack/engine'
import { asKernelError, checked, failedWith, libcFunction } from 'bootpack/kernel'

const mountCall = libcFunction(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
)
const umountCall = libcFunction('int umount2(const char *target, int flags)')

const MS_RDONLY = 1
const MS_NOSUID = 2
const MS_NODEV = 4
const MS_NOEXEC = 8
const UMOUNT_NOFOLLOW = 8

const unmountFlags = {
  /** Only when nobody uses it. */
  idle: 0,
  /** Aborts the connection: requests under way fail with ECONNABORTED. Still refused while files are open (MNT_FORCE). */
  abort: 1,
  /** Out of the tree at once; gone when the last user is (MNT_DETACH). */
  detach: 2,
} as const

/** Bytes of the longest READ the kernel makes of one read(2). */
const fuseLongestRead = 128 * 1024

export interface FuseMount {
  /** Of /dev/fuse, see {@link openFuseDevice}; one per mount. */
  readonly descriptor: number
  /** An existing directory. */
  readonly directory: string
  /** What `mount` and `df` show as the device. */
  readonly source: string
  /** The type will be 'fuse.' and this: lower-case letters, digits and dashes. */
  readonly subtype: string
  readonly readOnly: boolean
}

/**
 * Opens the kernel's side of a FUSE filesystem.
 * @throws unsupported where the kernel has none; refused without the permission
 */
export function openFuseDevice(): number {
  try {
    return asKernelError({ call: 'open', on: '/dev/fuse' }, () => openSync('/dev/fuse', constants.O_RDWR))
  } catch (cause) {
    if (failedWith(cause, 'ENOENT', 'ENODEV', 'ENXIO')) throw noFuse(cause)
    throw failedWith(cause, 'EPERM', 'EACCES') ? needsRoot(cause) : cause
  }
}

/**
 * Mounts. Only the user who mounts may look inside; set-uid bits, devices and
 * programs in it count for nothing. The kernel's first request waits on the
 * descriptor right afterwards.
 * @throws refused without CAP_SYS_ADMIN; usage when there is no such directory; KernelError
 */
export function mountFuse({ descriptor, directory, source, subtype, readOnly }: FuseMount): void {
  if (!Number.isInteger(descriptor) || descriptor < 0) throw new RangeError(`no descriptor: ${descriptor}`)
  if (!/^[a-z][a-z0-9-]*$/.test(subtype)) throw new RangeError(`no subtype: ${subtype}`)
  needNoNul(source)
  needNoNul(directory)
  const flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | (readOnly ? MS_RDONLY : 0)
  const data = `fd=${descriptor},rootmode=40000,user_id=${process.geteuid?.() ?? 0},group_id=${process.getegid?.() ?? 0},default_permissions,max_read=${fuseLongestRead}`
  try {
    checked({ call: 'mount', on: directory }, () => mountCall(source, directory, `fuse.${subtype}`, flags, data))
  } catch (cause) {
    if (failedWith(cause, 'EPERM', 'EACCES')) throw needsRoot(cause)
    if (failedWith(cause, 'ENODEV')) throw noFuse(cause)
    if (failedWith(cause, 'ENOENT', 'ENOTDIR'))
      throw usageError(
        'no-mount-point',
        `${JSON.stringify(directory)} is not a directory.`,
        'Make one with mkdir and name it.',
      )
    throw cause
  }
}

/**
 * Unmounts what was mounted last at a path; a symlink as its last part is not followed.
 * @returns false when it is in use, which `detach` never minds
 * @throws refused without CAP_SYS_ADMIN; usage when nothing is mounted there; KernelError
 */
export function unmount(directory: string, how: keyof typeof unmountFlags): boolean {
  needNoNul(directory)
  try {
    checked({ call: 'umount2', on: directory }, () => umountCall(directory, unmountFlags[how] | UMOUNT_NOFOLLOW))
    return true
  } catch (cause) {
    if (failedWith(cause, 'EBUSY')) return false
    if (failedWith(cause, 'EPERM')) throw needsRoot(cause)
    if (failedWith(cause, 'EINVAL', 'ENOENT'))
      throw usageError('not-mounted', `Nothing is mounted at ${JSON.stringify(directory)}.`)
    throw cause
  }
}

/** What is behind a NUL the C library would cut off. */
function needNoNul(text: string): void {
  if (text.includes('\0')) throw usageError('bad-path', `${JSON.stringify(text)} has a NUL character in it.`)
}

const needsRoot = (cause: unknown): BootpackError =>
  new BootpackError('refused', 'needs-root', 'Mounting a filesystem is for root.', {
    next: 'Run the command with sudo.',
    cause,
  })

const noFuse = (cause: unknown): BootpackError =>
  new BootpackError('unsupported', 'no-fuse', 'This kernel has no FUSE.', {
    next: 'Load it with: modprobe fuse',
    cause,
  })
