/**
 * The blocks of block maps (format/block-map.ts) as things that can be asked for and
 * exchanged. Over the first twelve file blocks there is none; over any other one at each
 * level up to that of the word of the inode it hangs from.
 */
import { usageError } from '../../errors.js'
import type { FsBlock } from '../../layout/block.js'
import { blockRun } from '../../layout/run.js'
import { homeOf, mostFileBlocks, positionsOver, putNumber, type MapPosition } from '../format/block-map.js'
import type { Inode, InodeChange } from '../format/inode.js'
import type { Filesystem } from '../read/filesystem.js'
import type { InodeRelocation } from '../relocate/inode.js'
import type { InodeState } from '../relocate/place.js'
import type { BlockContents } from '../relocate/rebuilt-tree.js'

/** A block of a tree or map that can be given another place. */
export interface FoundBlock {
  readonly block: FsBlock
  /** What changes when it goes to `target`: the contents there, and what points at it. */
  moved(target: FsBlock): InodeRelocation
}

/** What of an inode changes when nothing does. */
export const nothing = (number: number): InodeRelocation => ({
  number,
  moves: [],
  copies: [],
  take: [],
  release: [],
  rewritten: [],
  fresh: [],
  grownInto: [],
  changes: [],
})

/**
 * A map block at `level` over a file block, empty, at `target`; the one above must be there.
 * @param target a free block
 * @throws EEXIST, EINVAL when no map has one there, ENOENT without the one above
 */
export async function addMapBlock(
  filesystem: Filesystem,
  state: InodeState,
  logical: number,
  level: number,
  target: FsBlock,
): Promise<InodeRelocation> {
  const { inode } = state
  const { blockSize } = filesystem
  const position = logical < mostFileBlocks(blockSize) ? positionsOver(logical, blockSize)[level - 1] : undefined
  if (!position)
    throw usageError('EINVAL', `No map has an indirect block of level ${level} over file block ${logical}.`)
  if (blockAt(state, position) !== undefined)
    throw usageError(
      'EEXIST',
      `Inode ${inode.number} has an indirect block of level ${level} over file block ${logical}.`,
    )
  const { rewritten, change } = await pointed(filesystem, state, position, target)
  return {
    ...nothing(inode.number),
    take: [blockRun(target, 1)],
    fresh: [{ block: target, bytes: new Uint8Array(blockSize) }],
    rewritten,
    changes: [{ inode, change: { ...change, sectors: inode.sectors + blockSize / 512 } }],
  }
}

/** @throws ENOENT when there is none */
export async function findMapBlock(
  filesystem: Filesystem,
  state: InodeState,
  logical: number,
  level: number,
): Promise<FoundBlock> {
  const { inode } = state
  const { blockSize } = filesystem
  const position = logical < mostFileBlocks(blockSize) ? positionsOver(logical, blockSize)[level - 1] : undefined
  const block = position && blockAt(state, position)
  if (!position || block === undefined) {
    throw usageError(
      'ENOENT',
      `Inode ${inode.number} has no indirect block of level ${level} over file block ${logical}.`,
    )
  }
  const bytes = (await filesystem.blocks.read(block)).slice()
  const numbersAbove = await above(filesystem, state, position)
  return {
    block,
    moved(target) {
      const { rewritten, change } = pointing(inode, position, blockSize, numbersAbove, target)
      return {
        ...nothing(inode.number),
        rewritten: [{ block: target, bytes }, ...rewritten],
        changes: change.blockArea ? [{ inode, change }] : [],
      }
    },
  }
}

const blockAt = ({ map }: InodeState, { level, logical }: MapPosition): FsBlock | undefined =>
  map.mapBlocks.find((each) => each.level === level && each.logical === logical)?.block

/** The map block above one, when it is not the inode that names it. @throws ENOENT when it is missing */
async function above(
  filesystem: Filesystem,
  state: InodeState,
  position: MapPosition,
): Promise<BlockContents | undefined> {
  const { parent } = homeOf(position, filesystem.blockSize)
  if (!parent) return undefined
  const block = blockAt(state, parent)
  if (block === undefined) {
    throw usageError(
      'ENOENT',
      `Inode ${state.inode.number} has no indirect block of level ${parent.level} over file block ${position.logical} yet, which would have to name this one.`,
      `Allocate that of level ${parent.level} first.`,
    )
  }
  return { block, bytes: await filesystem.blocks.read(block) }
}

type Pointed = { readonly rewritten: readonly BlockContents[]; readonly change: InodeChange }

const pointed = async (
  filesystem: Filesystem,
  state: InodeState,
  position: MapPosition,
  target: FsBlock,
): Promise<Pointed> =>
  pointing(state.inode, position, filesystem.blockSize, await above(filesystem, state, position), target)

/** What names a map block, once that is at `target`. */
function pointing(
  inode: Inode,
  position: MapPosition,
  blockSize: number,
  parent: BlockContents | undefined,
  target: FsBlock,
): Pointed {
  const { word } = homeOf(position, blockSize)
  const numbers = (parent?.bytes ?? inode.blockArea).slice()
  putNumber(numbers, word, target)
  return parent
    ? { rewritten: [{ block: parent.block, bytes: numbers }], change: {} }
    : { rewritten: [], change: { blockArea: numbers } }
}
