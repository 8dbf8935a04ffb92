/**
 * open(2) with O_TMPFILE: a file without a name, gone when its last descriptor
 * is closed or its process dies, kill -9 and power loss included (the filesystem
 * frees it as an orphan). No name means nothing to guess and nothing to race for.
 */
import { constants, openSync } from 'node:fs'
import { asKernelError } from './errno.js'

const __O_TMPFILE = 0o20000000
const O_TMPFILE = __O_TMPFILE | constants.O_DIRECTORY

/**
 * @param directory on the filesystem the file shall belong to; its block group is
 *                  where the kernel starts to look for an inode
 * @returns a descriptor, open read-write, readable by its owner alone
 * @throws KernelError unsupported where the filesystem has no nameless files
 */
export function openTemporaryFile(directory: string | Buffer): number {
  return asKernelError({ call: 'open O_TMPFILE', on: directory.toString() }, () =>
    openSync(directory, O_TMPFILE | constants.O_RDWR | constants.O_NOFOLLOW, 0o600),
  )
}
