/**
 * unshare(2) with CLONE_NEWNS, and mount(2) to make what is seen in it private: what
 * this process mounts from then on nobody else sees, and it is gone when the process
 * is, however that ends. It holds for the calling thread: node's asynchronous file
 * calls run on others, so only synchronous ones and child processes see the mounts.
 */
import { refused } from '../errors.js'
import { failedWith } from './errno.js'
import { checked, libcFunction } from './libc.js'

const unshareCall = libcFunction('int unshare(int flags)')
const mountCall = libcFunction(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
)

const CLONE_NEWNS = 0x2_0000
const MS_REC = 0x4000
const MS_PRIVATE = 0x4_0000

/** @throws refused without CAP_SYS_ADMIN; KernelError */
export function enterMountNamespace(): void {
  try {
    checked({ call: 'unshare' }, () => unshareCall(CLONE_NEWNS))
    checked({ call: 'mount', on: '/' }, () => mountCall('none', '/', 'none', MS_REC | MS_PRIVATE, null))
  } catch (cause) {
    if (failedWith(cause, 'EPERM', 'EACCES'))
      throw refused('needs-root', 'Mounting a filesystem is for root.', 'Run the command with sudo.')
    throw cause
  }
}
