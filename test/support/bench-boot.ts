/** Whether a generated image is sound, and its boot in one run with every block where it belongs. */
import { closeSync, openSync, readSync } from 'node:fs'
import { complaint, inodesOf, lookAtSome } from './bench-debugfs.js'
import type { MadeImage } from './bench-image.js'
import { count } from './bench-order.js'

/** @throws when e2fsck complains, the boot is in more than one run, or a block is not the one that was there */
export async function checkBoot(image: string, { boot, bootBlocks }: MadeImage): Promise<void> {
  const verdict = complaint(image)
  if (verdict !== undefined) throw new Error(verdict)
  const inodes = (await inodesOf(image, boot)).map((inode, i) => {
    if (inode === undefined) throw new Error(`${boot[i]} is gone`)
    return inode
  })
  const seen = await lookAtSome(image, inodes)
  const files = inodes.map((inode) => seen.inodes.get(inode)!)
  const wanted = files.map(({ inode, size }) => ({ inode, block: 0, length: size / seen.blockSize }))
  const { breaks, blocks } = count({ wanted }, seen, new Map())
  if (breaks !== 0 || blocks !== bootBlocks) throw new Error(`${breaks} breaks, ${blocks} blocks of ${bootBlocks}`)
  const descriptor = openSync(image, 'r')
  try {
    const bytes = Buffer.alloc(seen.blockSize)
    for (const { inode, extents } of files) {
      for (const { logical, physical, length } of extents) {
        for (let i = 0; i < length; i++) {
          readSync(descriptor, bytes, 0, bytes.length, (physical + i) * seen.blockSize)
          const stamp = `boot ino ${String(inode).padStart(8, '0')} blk ${String(logical + i).padStart(8, '0')}\n`
          if (!Buffer.alloc(seen.blockSize).fill(stamp).equals(bytes))
            throw new Error(`block ${logical + i} of inode ${inode} is not what it was`)
        }
      }
    }
  } finally {
    closeSync(descriptor)
  }
}
