/** Swap files on ext4, told by what layout/swap-signature.ts knows them by. */
import { getU32 } from '../../bytes/little-endian.js'
import type { Extent } from '../../layout/extent.js'
import { physicalOf } from '../read/file-map.js'
import type { Filesystem } from '../read/filesystem.js'
import {
  isSwapVersion,
  swapPages,
  swapSignatureLength,
  swapSignatures,
  swapVersionOffset,
} from '../../layout/swap-signature.js'

export { mayBeSwapFile } from '../../layout/swap-signature.js'

/** The blocks that tell, so that nobody needs to keep all extents of a candidate. */
export interface SwapProbe {
  readonly inode: number
  /** Block with the version number. */
  readonly version: number
  /** Block with the end of the first 4 KiB page; undefined in a hole, as all of these. */
  readonly signature: number | undefined
  /** Blocks with the ends of larger pages. */
  readonly larger: readonly (number | undefined)[]
}

/** @returns undefined when there is no version number, as in no swap file */
export function swapProbe(inode: number, extents: readonly Extent[], blockSize: number): SwapProbe | undefined {
  const holding = (byte: number): number | undefined => physicalOf(extents, Math.floor(byte / blockSize))
  const version = holding(swapVersionOffset)
  if (version === undefined) return undefined
  return {
    inode,
    version,
    signature: holding(swapPages.smallest - swapSignatureLength),
    larger: swapPages.larger.map((page) => holding(page - swapSignatureLength)),
  }
}

/** Inode numbers of those probes that are swap files. */
export async function findSwapFiles(filesystem: Filesystem, probes: readonly SwapProbe[]): Promise<Set<number>> {
  const found = new Set<number>()
  const { blockSize, blocks } = filesystem
  const signedAt = async (block: number, page: number): Promise<boolean> => {
    // A signature never straddles blocks: pages and blocks are both powers of two.
    const at = (page - swapSignatureLength) % blockSize
    return swapSignatures.has(
      Buffer.from((await blocks.read(block)).subarray(at, at + swapSignatureLength)).toString('latin1'),
    )
  }
  const batch = 1000
  for (let from = 0; from < probes.length; from += batch) {
    const some = probes.slice(from, from + batch)
    await blocks.prefetch(some.flatMap(({ signature, version }) => [version, signature ?? version]))
    for (const { inode, signature, version, larger } of some) {
      if (signature !== undefined && (await signedAt(signature, swapPages.smallest))) {
        found.add(inode)
        continue
      }
      const number = getU32(await blocks.read(version), swapVersionOffset % blockSize)
      if (!isSwapVersion(number)) continue
      for (const [i, block] of larger.entries()) {
        if (block !== undefined && (await signedAt(block, swapPages.larger[i]!))) found.add(inode)
      }
    }
  }
  return found
}
