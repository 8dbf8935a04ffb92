/**
 * openat2(2): opens a path below a directory under rules the kernel keeps: never
 * above that directory, never through a symbolic link, never onto another mount.
 *
 *   struct open_how { u64 flags; u64 mode; u64 resolve; };
 *
 * Linux 5.6; no privilege.
 */
import { checked, libcFunction } from './libc.js'
import { setU64 } from './words.js'

const syscall = libcFunction('int64_t syscall(int64_t, ...)')
const SYS_openat2 = 437

const RESOLVE_NO_XDEV = 0x01
const RESOLVE_NO_MAGICLINKS = 0x02
const RESOLVE_NO_SYMLINKS = 0x04
const RESOLVE_BENEATH = 0x08
const O_CLOEXEC = 0o2000000

/**
 * @param directory where the path starts; O_PATH will do
 * @param path      relative; its bytes, or text
 * @param flags     as for open(2)
 * @throws KernelError ELOOP for a symbolic link, EXDEV for a path that leaves the directory or the mount
 */
export function openBeneath(directory: number, path: string | Buffer, flags: number): number {
  const how = Buffer.alloc(0x18)
  setU64(how, 0x00, flags | O_CLOEXEC)
  setU64(how, 0x10, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)
  const name = typeof path === 'string' ? Buffer.from(path) : path
  const terminated = Buffer.concat([name, Buffer.alloc(1)])
  return checked({ call: 'openat2', on: name.toString() }, () =>
    syscall(SYS_openat2, 'int', directory, 'void *', terminated, 'void *', how, 'size_t', how.length))
}
