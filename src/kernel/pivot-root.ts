import { checked } from './libc.js'
import { callWithTwoPaths, systemCallNumber } from './system-call.js'

/**
 * Makes a mounted folder the root of everybody in this mount namespace whose root was
 * the old one, working directories likewise; the old root is seen below the new one
 * from then on.
 * @param newRoot a mount point, not shared with other namespaces, nor the mount it is in
 * @param putOld  a folder in it, as a path from here
 * @throws KernelError
 */
export function pivotRoot(newRoot: string, putOld: string): void {
  checked({ call: 'pivot_root', on: newRoot }, () => callWithTwoPaths(systemCallNumber('pivot_root'), newRoot, putOld))
}
