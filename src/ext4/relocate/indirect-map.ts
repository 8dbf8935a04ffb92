/**
 * A file's block map (format/block-map.ts) over another mapping.
 *
 * Unlike an extent tree, a map has no shape of its own: which map blocks there are
 * follows from which file blocks have a place. So only what changes is touched: the
 * numbers of blocks that go elsewhere, and the pointers to map blocks that go
 * elsewhere, come, or are left with nothing below them. A map block that was empty
 * before stays: somebody gave it to the file on purpose.
 *
 * In two passes. The first, from the data up, works out the new contents of every map
 * block that changes, but for pointers to map blocks; from it follows how many are
 * missing. The second gives those their places and fills in the pointers.
 */
import type { FsBlock } from '../../layout/block.js'
import type { Extent } from '../../layout/extent.js'
import {
  deepestMap,
  directBlocks,
  homeOf,
  largestMappedBlock,
  numbersPerBlock,
  positionsOver,
  putNumber,
  type MapPosition,
} from '../format/block-map.js'
import type { Filesystem } from '../read/filesystem.js'
import { overlapping, type InodeState } from './place.js'
import type { TreeRoom } from './room.js'
import type { BlockContents, RebuiltTree } from './rebuilt-tree.js'

/** A map block whose contents or whose place change. */
interface Node extends MapPosition {
  /** Where it is; undefined for one the file does not have yet. */
  readonly was: FsBlock | undefined
  /** Its numbers as they will be, of map blocks only once those have their places. */
  readonly numbers: Uint8Array
  /** Nothing is below it any more. */
  gone: boolean
}

/** Stands for the place of a map block that has none yet; no hole. */
const unknownPlace = largestMappedBlock

const key = ({ level, logical }: MapPosition): string => `${level} ${logical}`

export class MapChange {
  /** From the data up. */
  private readonly nodes = new Map<string, Node>()
  private readonly root: Uint8Array
  private readonly existing: ReadonlyMap<string, FsBlock>

  private readonly filesystem: Filesystem
  private readonly state: InodeState
  private readonly movedTo: ReadonlyMap<FsBlock, FsBlock>

  private constructor(filesystem: Filesystem, state: InodeState, movedTo: ReadonlyMap<FsBlock, FsBlock>) {
    this.filesystem = filesystem
    this.state = state
    this.movedTo = movedTo
    this.root = state.inode.blockArea.slice()
    this.existing = new Map(state.map.mapBlocks.map((node) => [key(node), node.block]))
  }

  /**
   * @param mapping sorted by file block, without overlap; what is not among it becomes a hole
   * @param movedTo new places of map blocks, by their old ones
   */
  static async work(
    filesystem: Filesystem,
    state: InodeState,
    mapping: readonly Extent[],
    movedTo: ReadonlyMap<FsBlock, FsBlock>,
  ): Promise<MapChange> {
    const change = new MapChange(filesystem, state, movedTo)
    await change.putData(mapping)
    for (const node of state.map.mapBlocks) if (movedTo.has(node.block)) await change.node(node)
    for (let level = 1; level <= deepestMap; level++) await change.putPointers(level)
    return change
  }

  /** Map blocks there are more than before; negative when there are fewer. */
  get grown(): number {
    let grown = 0
    for (const { was, gone } of this.nodes.values()) grown += (was === undefined ? 1 : 0) - (gone ? 1 : 0)
    return grown
  }

  /** @returns undefined when there are not enough free blocks that a map can name */
  async rebuild(room: TreeRoom): Promise<RebuiltTree | undefined> {
    const staying = [...this.nodes.values()].filter(({ gone }) => !gone)
    // In the order they are read: each before those below it.
    const added = staying
      .filter(({ was }) => was === undefined)
      .sort((a, b) => a.logical - b.logical || b.level - a.level)
    const grownInto = added.length > 0 ? await room.take(added.length, this.state.inode.number) : []
    if (!grownInto) return undefined
    if (grownInto.some((block) => block > largestMappedBlock)) {
      room.giveBack(grownInto)
      return undefined
    }
    const places = new Map<Node, FsBlock>(added.map((node, index) => [node, grownInto[index]!]))
    for (const node of staying) if (node.was !== undefined) places.set(node, this.movedTo.get(node.was) ?? node.was)
    for (const [node, place] of places) this.point(node, place)

    const rewritten: BlockContents[] = []
    const fresh: BlockContents[] = []
    for (const [node, block] of places) {
      const bytes = node.numbers
      if (block !== node.was) fresh.push({ block, bytes })
      else if (Buffer.compare(await this.filesystem.blocks.read(block), bytes) !== 0) rewritten.push({ block, bytes })
    }
    const left: FsBlock[] = []
    for (const node of this.nodes.values())
      if (node.was !== undefined && (node.gone || places.get(node) !== node.was)) left.push(node.was)
    for (const block of left) room.exclude(block)
    return { root: this.root, grown: this.grown, rewritten, fresh, grownInto, left }
  }

  /** The numbers of data blocks, wherever they change. */
  private async putData(mapping: readonly Extent[]): Promise<void> {
    const { blockSize } = this.filesystem
    const perBlock = numbersPerBlock(blockSize)
    for (const { logical, length } of changedRanges(this.state.map.extents, mapping)) {
      for (let at = logical; at < logical + length;) {
        const [position] = positionsOver(at, blockSize)
        const first = position?.logical ?? 0
        const end = Math.min(logical + length, position ? first + perBlock : directBlocks)
        const found = overlapping(mapping, at, end - at)
        // Where nothing is mapped and no map block is, there is nothing to change.
        if (!position) putNumbers(this.root, first, at, end, found)
        else if (found.length > 0 || this.existing.has(key(position)))
          putNumbers((await this.node(position)).numbers, first, at, end, found)
        at = end
      }
    }
  }

  /** What a level's blocks mean to those above them: which are left, which are new. */
  private async putPointers(level: number): Promise<void> {
    for (const node of [...this.nodes.values()]) {
      if (node.level !== level) continue
      node.gone = isEmpty(node.numbers) && !(await this.wasEmpty(node))
      const place = node.gone ? 0 : node.was === undefined ? unknownPlace : (this.movedTo.get(node.was) ?? node.was)
      if (place === (node.was ?? 0)) continue
      const { parent } = homeOf(node, this.filesystem.blockSize)
      if (parent) await this.node(parent)
      this.point(node, place)
    }
  }

  private async wasEmpty({ was }: Node): Promise<boolean> {
    return was !== undefined && isEmpty(await this.filesystem.blocks.read(was))
  }

  /** Writes where a map block is into whatever names it, if that changes. */
  private point(node: Node, place: number): void {
    const { parent, word } = homeOf(node, this.filesystem.blockSize)
    if (!parent) putNumber(this.root, word, place)
    else {
      const above = this.nodes.get(key(parent))
      if (above) putNumber(above.numbers, word, place)
    }
  }

  private async node(position: MapPosition): Promise<Node> {
    const known = this.nodes.get(key(position))
    if (known) return known
    const was = this.existing.get(key(position))
    const numbers =
      was === undefined
        ? new Uint8Array(this.filesystem.blockSize)
        : new Uint8Array(await this.filesystem.blocks.read(was))
    const node: Node = { level: position.level, logical: position.logical, was, numbers, gone: false }
    this.nodes.set(key(position), node)
    return node
  }
}

/** Writes the numbers of file blocks [from, to) into a map block or an inode whose first one is for `first`. */
function putNumbers(numbers: Uint8Array, first: number, from: number, to: number, extents: readonly Extent[]): void {
  numbers.fill(0, (from - first) * 4, (to - first) * 4)
  for (const { logical, physical, length } of extents) {
    const end = Math.min(to, logical + length)
    for (let at = Math.max(from, logical); at < end; at++) putNumber(numbers, at - first, physical + (at - logical))
  }
}

const isEmpty = (numbers: Uint8Array): boolean => numbers.every((byte) => byte === 0)

/** File blocks of which the two mappings say different things, in order. Both sorted by file block. */
export function changedRanges(
  before: readonly Extent[],
  after: readonly Extent[],
): { readonly logical: number; readonly length: number }[] {
  const cuts = new Set<number>()
  for (const { logical, length } of [...before, ...after]) cuts.add(logical).add(logical + length)
  const sorted = [...cuts].sort((a, b) => a - b)
  const changed: { logical: number; length: number }[] = []
  let old = 0
  let next = 0
  const placeAt = (extents: readonly Extent[], index: number, at: number): number => {
    const found = extents[index]
    return found && found.logical <= at ? found.physical + (at - found.logical) : 0
  }
  for (const [index, at] of sorted.slice(0, -1).entries()) {
    while (old < before.length && before[old]!.logical + before[old]!.length <= at) old++
    while (next < after.length && after[next]!.logical + after[next]!.length <= at) next++
    if (placeAt(before, old, at) === placeAt(after, next, at)) continue
    const length = sorted[index + 1]! - at
    const last = changed.at(-1)
    if (last && last.logical + last.length === at) last.length += length
    else changed.push({ logical: at, length })
  }
  return changed
}
