import { fiemap } from '../../kernel/fiemap.js'
import { extent, mergeExtents, type Extent } from '../../layout/extent.js'

/** The kernel's map of an open file; contents that are not on the disk yet are written out before. */
export function mappedExtents(
  fd: number,
  blockSize: number,
  within?: { readonly logical: number; readonly length: number },
): Extent[] {
  const range = within && { from: within.logical * blockSize, to: (within.logical + within.length) * blockSize }
  return mergeExtents(
    fiemap(fd, range)
      .filter((found) => !found.inline && !found.unplaced)
      .map(({ logical, physical, length, unwritten }) =>
        extent(logical / blockSize, physical / blockSize, length / blockSize, unwritten),
      ),
  )
}
