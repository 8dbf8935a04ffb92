/**
 * open_tree(2) with OPEN_TREE_CLONE and mount_setattr(2): a private view of one
 * mounted filesystem. Nothing that is mounted inside it shows, so that a walk
 * cannot leave it and sees what other mounts hide; and reading through it leaves
 * no access times behind. The view is gone when its descriptor is closed.
 *
 *   struct mount_attr { u64 attr_set; u64 attr_clr; u64 propagation; u64 userns_fd; };
 *
 * Needs CAP_SYS_ADMIN and Linux 5.12.
 */
import { closeSync } from 'node:fs'
import { checked, libcFunction } from './libc.js'
import { setU64 } from './words.js'

const syscall = libcFunction('int64_t syscall(int64_t, ...)')

// The same numbers on every architecture, as all calls since 5.1.
const SYS_open_tree = 428
const SYS_mount_setattr = 442

const AT_FDCWD = -100
const AT_EMPTY_PATH = 0x1000
const OPEN_TREE_CLONE = 0x1
const OPEN_TREE_CLOEXEC = 0o2000000
const MOUNT_ATTR_NOATIME = 0x10
const MOUNT_ATTR__ATIME = 0x70

/**
 * @param path the mount point whose filesystem is wanted
 * @returns an O_PATH descriptor of the view's root
 * @throws KernelError EPERM without the privilege, ENOSYS on old kernels
 */
export function openPrivateView(path: string): number {
  const view = checked({ call: 'open_tree', on: path }, () =>
    syscall(SYS_open_tree, 'int', AT_FDCWD, 'const char *', path, 'unsigned int', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC))
  try {
    const attributes = Buffer.alloc(0x20)
    setU64(attributes, 0x00, MOUNT_ATTR_NOATIME)
    setU64(attributes, 0x08, MOUNT_ATTR__ATIME)
    checked({ call: 'mount_setattr', on: path }, () =>
      syscall(SYS_mount_setattr, 'int', view, 'const char *', '', 'unsigned int', AT_EMPTY_PATH, 'void *', attributes, 'size_t', attributes.length))
    return view
  } catch (error) {
    closeSync(view)
    throw error
  }
}
