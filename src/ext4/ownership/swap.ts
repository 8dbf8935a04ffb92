/**
 * Swap files, and those a hibernated system sleeps in: the kernel keeps their
 * blocks by number, and `resume_offset=` on a kernel command line does so across
 * boots. They are told by the signature at the end of their first page. The page
 * is that of the machine the image is for: 4 KiB nearly everywhere; on others the
 * version number at byte 1024 says first that it is worth looking further.
 */
import { getU32 } from '../../bytes/little-endian.js'
import type { Extent } from '../../layout/extent.js'
import { physicalOf } from '../read/file-map.js'
import type { Filesystem } from '../read/filesystem.js'
import type { Inode } from '../format/inode.js'

const signatures = new Set(['SWAPSPACE2', 'SWAP-SPACE', 'S1SUSPEND\0', 'S2SUSPEND\0', 'ULSUSPEND\0', 'LINHIB0001'])
const signatureLength = 10
const versionOffset = 1024
const smallestPage = 4096
const largerPages = [8192, 16384, 32768, 65536]

/** Root owns every swap file, and the kernel wants ten pages at least. */
export const mayBeSwapFile = (inode: Pick<Inode, 'type' | 'uid' | 'size'>): boolean =>
  inode.type === 'regular' && inode.uid === 0 && inode.size >= 10 * smallestPage && inode.size % smallestPage === 0

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
  const version = holding(versionOffset)
  if (version === undefined) return undefined
  return {
    inode,
    version,
    signature: holding(smallestPage - signatureLength),
    larger: largerPages.map((page) => holding(page - signatureLength)),
  }
}

/** Inode numbers of those probes that are swap files. */
export async function findSwapFiles(filesystem: Filesystem, probes: readonly SwapProbe[]): Promise<Set<number>> {
  const found = new Set<number>()
  const { blockSize, blocks } = filesystem
  const signedAt = async (block: number, page: number): Promise<boolean> => {
    // A signature never straddles blocks: pages and blocks are both powers of two.
    const at = (page - signatureLength) % blockSize
    return signatures.has(Buffer.from((await blocks.read(block)).subarray(at, at + signatureLength)).toString('latin1'))
  }
  const batch = 1000
  for (let from = 0; from < probes.length; from += batch) {
    const some = probes.slice(from, from + batch)
    await blocks.prefetch(some.flatMap(({ signature, version }) => [version, signature ?? version]))
    for (const { inode, signature, version, larger } of some) {
      if (signature !== undefined && (await signedAt(signature, smallestPage))) {
        found.add(inode)
        continue
      }
      const number = getU32(await blocks.read(version), versionOffset % blockSize)
      if (number !== 1 && number !== 0x0100_0000) continue
      for (const [i, block] of larger.entries()) {
        if (block !== undefined && (await signedAt(block, largerPages[i]!))) found.add(inode)
      }
    }
  }
  return found
}
