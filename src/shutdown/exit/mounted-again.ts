/** The machine's filesystems mounted once more, to write down what became of the order. */
import { join } from 'node:path'
import { mount } from '../../kernel/mount.js'
import { unmount } from '../../kernel/unmount.js'
import type { OrderedMount } from '../order.js'

/** Options the kernel tells that mount(2) takes as flags, or that are not wanted for a moment. */
const notOptions = new Set(['rw', 'ro', 'relatime', 'noatime', 'nosuid', 'nodev', 'noexec'])

/**
 * Mounts them at `root`, as they were mounted below '/', and takes them away again
 * whatever becomes of `use`.
 * @throws KernelError when one cannot be mounted; what `use` throws
 */
export async function withMounted<Result>(
  mounts: readonly OrderedMount[],
  root: string,
  use: () => Promise<Result>,
): Promise<Result> {
  const done: string[] = []
  try {
    for (const { mountPoint, device, type, options } of mounts) {
      const target = mountPoint === '/' ? root : join(root, mountPoint)
      const own = options
        .split(',')
        .filter((option) => option !== '' && !notOptions.has(option))
        .join(',')
      mount({ source: device, target, type, flags: ['noAccessTime', 'noDevices', 'noSetuid'], options: own })
      done.push(target)
    }
    return await use()
  } finally {
    for (const target of done.reverse()) if (!unmount(target, 'idle')) unmount(target, 'detach')
  }
}
