import { setFlagsFromString } from 'node:v8'

/** Filesystems with so many inodes may ask for some hundred megabytes. */
const manyInodes = 500_000

/**
 * Has the heap collected before it grows to several times what is alive, where that
 * would be a lot. On smaller filesystems it would only take time: a tenth of a packing.
 * The flag is that of Node 20's V8; another would print that it does not know it.
 */
export function boundHeap(inodeCount: number): void {
  if (inodeCount > manyInodes && process.versions.v8.startsWith('11.3.'))
    setFlagsFromString('--heap-growing-percent=80')
}
