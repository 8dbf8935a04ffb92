/** An image mounted by the kernel, for as long as a test looks at it. */
import { rmdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './tools.js'

/**
 * Waits until the kernel has let go of the image: where another mount namespace was made
 * meanwhile, by whomever, the filesystem lives on for a moment after umount.
 */
function untilDetached(image: string): void {
  const end = performance.now() + 30_000
  while (run('losetup', ['-j', image]).stdout !== '') {
    if (performance.now() > end) throw new Error(`${image} is still attached to a loop device`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  }
}

/** Mounts `image` through a loop device, calls `look` with the mount point, unmounts. */
export function loopMounted<T>(image: string, look: (folder: string) => T, options = '', type = 'auto'): T {
  const folder = mkdtempSync(join(tmpdir(), 'bootpack-mount-'))
  try {
    run('mount', ['-t', type, '-o', `loop${options ? `,${options}` : ''}`, image, folder])
    try {
      return look(folder)
    } finally {
      run('umount', [folder])
      untilDetached(image)
    }
  } finally {
    rmdirSync(folder)
  }
}
