/** An image mounted by the kernel, for as long as a test looks at it. */
import { rmdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './tools.js'

/** Mounts `image` through a loop device, calls `look` with the mount point, unmounts. */
export function loopMounted<T>(image: string, look: (folder: string) => T, options = ''): T {
  const folder = mkdtempSync(join(tmpdir(), 'bootpack-mount-'))
  try {
    run('mount', ['-o', `loop${options ? `,${options}` : ''}`, image, folder])
    try {
      return look(folder)
    } finally {
      run('umount', [folder])
    }
  } finally {
    rmdirSync(folder)
  }
}
