/** What can be ordered of a file: space, relocation, and the same for the blocks of its extent tree. */
import { fileBlock, fsBlock, type Extent, type FsBlock } from 'bootpack/engine'
import { allocate, movedata, type BlockSpace, type SpaceFile } from 'bootpack/ext4'
import { Errno } from '../fuse/errno.js'
import type { Carried } from '../files/order-file.js'

/** Bytes relocated between two looks at whether to go on. */
const relocatedAtOnce = 64 << 20

/** data/alloc: `count` blocks for the file blocks from `block` on, near the goal. */
export async function allocateData(
  file: SpaceFile,
  block: number,
  count: number,
  goal: FsBlock,
): Promise<Carried & { readonly goal: FsBlock }> {
  const { blockSize, blockCount } = file.space.geometry()
  if (count === 0) throw new Errno('EINVAL')
  file.position = block * blockSize
  const blocks = (await allocate(file, 0, goal * blockSize, count * blockSize)) / blockSize
  const last = block + blocks - 1
  const found = (await file.extents()).find(({ logical, length }) => logical <= last && logical + length > last)
  const behind = found ? found.physical + (last - found.logical) + 1 : goal
  return { outcome: `${block} ${blocks}`, next: block + blocks, goal: fsBlock(Math.min(behind, blockCount - 1)) }
}

/** A part of a file that is relocated in one go. */
export interface Piece {
  readonly logical: number
  readonly length: number
}

/** data/reloc, before anything is done: what both files have allocated, in pieces. */
export async function piecesToRelocate(file: SpaceFile, donor: SpaceFile): Promise<Piece[]> {
  const { blockSize } = file.space.geometry()
  if (file.inode === donor.inode) throw new Errno('EINVAL')
  const end = Math.ceil((await file.size()) / blockSize)
  const most = Math.max(1, Math.floor(relocatedAtOnce / blockSize))
  const pieces: Piece[] = []
  for (const { logical, length } of common(await file.extents(), await donor.extents(), end)) {
    for (let done = 0; done < length; done += most)
      pieces.push({ logical: logical + done, length: Math.min(most, length - done) })
  }
  return pieces
}

/** What both have comes to lie where the donor has it; what the donor does not have any more stays where it is. */
export async function relocatePiece(file: SpaceFile, donor: SpaceFile, { logical, length }: Piece): Promise<void> {
  const { blockSize } = file.space.geometry()
  await movedata(file, donor, logical * blockSize, length * blockSize, { holes: 'leave' })
}

/** Runs of file blocks below `end` that both mappings have, neighbours joined. */
export function common(a: readonly Extent[], b: readonly Extent[], end: number): Piece[] {
  const runs: { logical: number; length: number }[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const [one, other] = [a[i]!, b[j]!]
    const from = Math.max(one.logical, other.logical)
    const to = Math.min(one.logical + one.length, other.logical + other.length, end)
    const last = runs.at(-1)
    if (to > from && last && last.logical + last.length === from) last.length += to - from
    else if (to > from) runs.push({ logical: from, length: to - from })
    if (one.logical + one.length <= other.logical + other.length) i++
    else j++
  }
  return runs
}

const treesOf = (space: BlockSpace): NonNullable<BlockSpace['trees']> => {
  if (!space.trees) throw new Errno('EOPNOTSUPP')
  return space.trees
}

/** metadata/alloc: a tree block at `level` over the file block. */
export async function allocateTreeBlock(
  file: SpaceFile,
  block: number,
  level: number,
  goal: FsBlock,
): Promise<Carried & { readonly goal: FsBlock }> {
  const where = await treesOf(file.space).allocateBlock(file, fileBlock(block), level, goal)
  return { outcome: String(where), goal: fsBlock(Math.min(where + 1, file.space.geometry().blockCount - 1)) }
}

/** metadata/reloc: the tree blocks of two files change places. */
export async function relocateTreeBlock(
  file: SpaceFile,
  donor: SpaceFile,
  block: number,
  level: number,
): Promise<Carried> {
  await treesOf(file.space).swapBlocks(file, donor, fileBlock(block), level)
  return { outcome: '1' }
}
