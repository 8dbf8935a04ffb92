import type { FsBlock } from '../layout/block.js'
import type { Store } from './store.js'

/** Blocks gathered into one write. */
const longestWriteBytes = 1 << 20

/**
 * Writes whole blocks, neighbours on the disk in one go.
 * @param blocks where each goes and its bytes; neighbours in this order are gathered
 */
export async function writeBlocks(
  store: Store,
  blockSize: number,
  blocks: readonly (readonly [block: FsBlock, bytes: Uint8Array])[],
): Promise<void> {
  const longest = Math.max(1, Math.floor(longestWriteBytes / blockSize))
  for (let from = 0; from < blocks.length;) {
    let to = from + 1
    while (to < blocks.length && to - from < longest && blocks[to]![0] === blocks[to - 1]![0] + 1) to++
    const gathered = Buffer.allocUnsafe((to - from) * blockSize)
    for (let i = from; i < to; i++) gathered.set(blocks[i]![1], (i - from) * blockSize)
    await store.write(blocks[from]![0] * blockSize, gathered)
    from = to
  }
}
