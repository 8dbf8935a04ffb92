import { failedWith } from './errno.js'
import { checked, libcFunction } from './libc.js'

const umountCall = libcFunction('int umount2(const char *target, int flags)')

/** UMOUNT_NOFOLLOW, linux/fs.h. */
const noFollow = 8

const flags = {
  /** Only when nobody uses it. */
  idle: 0,
  /** Out of the tree at once; gone when the last user is (MNT_DETACH). */
  detach: 2,
} as const

/**
 * Unmounts what was mounted last at a path; a link as its last part is not followed.
 * @returns false when it is in use, which `detach` never minds
 * @throws KernelError, EINVAL when nothing is mounted there
 */
export function unmount(path: string, how: keyof typeof flags): boolean {
  try {
    checked({ call: 'umount2', on: path }, () => umountCall(path, flags[how] | noFollow))
    return true
  } catch (error) {
    if (failedWith(error, 'EBUSY')) return false
    throw error
  }
}
