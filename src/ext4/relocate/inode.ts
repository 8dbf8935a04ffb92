/**
 * What the moves of one inode change on the disk, worked out before anything is
 * written: which blocks are copied, taken and given back, which tree blocks are
 * written anew or in place, and what becomes of the inode.
 */
import { fsBlock, type FsBlock } from '../../layout/block.js'
import { extent, relocateExtents, type Extent } from '../../layout/extent.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import type { StayReason } from '../../layout/reason.js'
import type { Move, SkippedMove, Stayed } from '../../volume/volume.js'
import type { Filesystem } from '../read/filesystem.js'
import { largestMappedBlock } from '../format/block-map.js'
import type { Inode, InodeChange } from '../format/inode.js'
import type { CopyPiece } from './copy.js'
import { overlapping, type InodeState } from './place.js'
import type { TreeRoom } from './room.js'
import { rebuildTree, treeGrowth } from './tree.js'
import type { BlockContents } from './rebuilt-tree.js'
import { decodeXattrBlock, sealXattrBlock } from '../format/xattr-block.js'

/** Everything the moves of one inode ask for. */
export interface InodeRelocation {
  readonly number: number
  readonly moves: readonly Move[]
  readonly copies: readonly CopyPiece[]
  readonly take: readonly BlockRun[]
  readonly release: readonly BlockRun[]
  /** Blocks that are to hold zeros before anything points at them. */
  readonly zeroes?: readonly BlockRun[]
  /** New contents of blocks the inode keeps. */
  readonly rewritten: readonly BlockContents[]
  /** Contents of blocks it takes. */
  readonly fresh: readonly BlockContents[]
  /** Those of the fresh blocks that {@link TreeRoom} gave. */
  readonly grownInto: readonly FsBlock[]
  /** Of this inode, and of those that share its attribute block. */
  readonly changes: readonly { readonly inode: Inode; readonly change: InodeChange }[]
}

/** All inodes whose i_file_acl is the block. */
export type XattrSharers = (block: FsBlock) => Promise<readonly number[]>

export interface PlannedInode {
  /** Undefined when none of the moves can be made. */
  readonly relocation: InodeRelocation | undefined
  readonly refused: readonly SkippedMove[]
}

/**
 * @param moves whose blocks are where the moves say; their targets are free
 * @throws corrupt when the attribute block is damaged
 */
export async function planInode(
  filesystem: Filesystem,
  state: InodeState,
  moves: readonly Move[],
  room: TreeRoom,
  sharers: XattrSharers,
): Promise<PlannedInode> {
  const parts: Part[] = []
  const made: Move[] = []
  const refused: SkippedMove[] = []
  const note = (concerned: readonly Move[], part: Part | Stayed<StayReason>): void => {
    if ('reason' in part) refused.push(...concerned.map((move) => ({ move, status: 'skipped' as const, ...part })))
    else {
      parts.push(part)
      made.push(...concerned)
    }
  }
  const mapped = moves.filter(({ kind }) => kind !== 'xattr')
  if (mapped.length > 0) note(mapped, await planMapping(filesystem, state, mapped, room))
  for (const move of moves)
    if (move.kind === 'xattr') note([move], await planXattr(filesystem, state.inode, move, sharers))
  if (parts.length === 0) return { relocation: undefined, refused }
  return {
    relocation: {
      number: state.inode.number,
      moves: made,
      copies: parts.flatMap((part) => part.copies),
      take: parts.flatMap((part) => part.take),
      release: parts.flatMap((part) => part.release),
      rewritten: parts.flatMap((part) => part.rewritten),
      fresh: parts.flatMap((part) => part.fresh),
      grownInto: parts.flatMap((part) => part.grownInto),
      changes: parts.flatMap((part) => part.changes),
    },
    refused,
  }
}

type Part = Omit<InodeRelocation, 'number' | 'moves'>

/** @returns why when it cannot be done */
async function planMapping(
  filesystem: Filesystem,
  state: InodeState,
  moves: readonly Move[],
  room: TreeRoom,
): Promise<Part | Stayed<StayReason>> {
  const { inode, map } = state
  const contents = moves.filter(({ kind }) => kind !== 'tree')
  const movedTo = new Map<FsBlock, FsBlock>()
  for (const { kind, from, to, length } of moves) {
    if (kind === 'tree') for (let i = 0; i < length; i++) movedTo.set(fsBlock(from + i), fsBlock(to + i))
  }
  if (map.kind === 'indirect' && moves.some(({ to, length }) => to + length - 1 > largestMappedBlock))
    return { reason: 'far-behind' }
  const mapping = relocateExtents(map.extents, contents)
  const growth = map.kind === 'indirect' ? 0 : await treeGrowth(filesystem, state, mapping)
  if (growth !== 0 && filesystem.superblock.quotaInodes.length > 0) {
    return { reason: 'quota-tree' }
  }
  const tree = await rebuildTree(filesystem, state, mapping, room, movedTo)
  if (!tree) return { reason: 'no-tree-room', detail: `${growth} blocks` }
  const { root, grown, rewritten, fresh, grownInto, left } = tree
  return {
    copies: contents.flatMap((move) => written(map.extents, move)),
    take: [...contents.map(({ to, length }) => blockRun(to, length)), ...fresh.map(({ block }) => blockRun(block, 1))],
    release: [
      ...contents.map(({ from, length }) => blockRun(from, length)),
      ...left.map((block) => blockRun(block, 1)),
    ],
    rewritten,
    fresh,
    grownInto,
    changes: [
      {
        inode,
        change: {
          blockArea: root,
          ...(grown !== 0 && { sectors: inode.sectors + grown * (filesystem.blockSize / 512) }),
        },
      },
    ],
  }
}

/** The parts of a move that hold contents: unwritten blocks have none. */
function written(extents: readonly Extent[], move: Move): CopyPiece[] {
  const pieces: CopyPiece[] = []
  for (const found of overlapping(extents, move.logical, move.length)) {
    if (found.unwritten) continue
    const start = Math.max(found.logical, move.logical)
    const end = Math.min(found.logical + found.length, move.logical + move.length)
    const part = extent(start, found.physical + (start - found.logical), end - start)
    pieces.push({ from: part.physical, to: fsBlock(move.to + (start - move.logical)), length: part.length })
  }
  return pieces
}

/** @returns why when it cannot be done */
async function planXattr(
  filesystem: Filesystem,
  inode: Inode,
  { from, to }: Move,
  sharers: XattrSharers,
): Promise<Part | Stayed<StayReason>> {
  const { superblock } = filesystem
  const bytes = await filesystem.blocks.readRun(from, 1)
  const { references } = decodeXattrBlock(bytes, from, superblock)
  // A count of 1 is not believed either: whoever else points at the block would lose its attributes.
  const numbers = await sharers(from)
  if (numbers.length !== references || !numbers.includes(inode.number)) {
    return { reason: 'shared-xattr', detail: `it counts ${references}, and ${numbers.length} were found` }
  }
  sealXattrBlock(bytes, to, superblock)
  const owners = await Promise.all(
    numbers.map(async (number) => (number === inode.number ? inode : filesystem.readInode(number))),
  )
  const stranger = owners.find((owner) => owner.xattrBlock !== from)
  if (stranger) return { reason: 'shared-xattr', detail: `inode ${stranger.number} does not share it` }
  return {
    copies: [],
    take: [blockRun(to, 1)],
    release: [blockRun(from, 1)],
    rewritten: [],
    fresh: [{ block: to, bytes }],
    grownInto: [],
    changes: owners.map((owner) => ({ inode: owner, change: { xattrBlock: to } })),
  }
}
