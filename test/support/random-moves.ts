/** Legal moves of one round, drawn from what a volume says of itself. */
import { RunSet } from '../../src/layout/run-set.js'
import { blockRun } from '../../src/layout/run.js'
import { fileBlock, fsBlock } from '../../src/layout/block.js'
import type { Move, Volume } from '../../src/volume/volume.js'
import type { InodeDump } from './inode-dump.js'
import type { Random } from './random.js'

export async function randomMoves(volume: Volume, random: Random, most: number): Promise<Move[]> {
  const { firstDataBlock, blockCount } = volume.geometry()
  const owned = (await volume.owners(blockRun(firstDataBlock, blockCount - firstDataBlock))).filter(
    (owner) => owner.immovable === undefined,
  )
  const free = RunSet.of(await volume.freeRuns(fsBlock(firstDataBlock), fsBlock(blockCount)))
  const taken = new RunSet()
  const moves: Move[] = []
  const rare = owned.filter(({ kind }) => kind !== 'data')
  const ofInode = new Map<number, typeof owned>()
  for (const owner of owned) if (ofInode.get(owner.inode)?.push(owner) === undefined) ofInode.set(owner.inode, [owner])
  const inodes = [...ofInode.keys()]
  for (let i = 0; i < most && free.size > 0; i++) {
    const owner = random.pick(
      rare.length > 0 && random.chance(0.3) ? rare : random.chance(0.5) ? ofInode.get(random.pick(inodes))! : owned,
    )
    const length = random.chance(0.5) ? owner.length : random.between(1, owner.length)
    const skip = random.between(0, owner.length - length)
    const source = blockRun(owner.start + skip, length)
    const room = random.chance(0.3) ? free.longest()! : free.at(random.below(free.size))
    if (room.length < length || taken.intersects(source)) continue
    const to = room.start + random.between(0, room.length - length)
    free.remove(blockRun(to, length))
    taken.add(source)
    const kind = owner.kind as Move['kind']
    moves.push({
      inode: owner.inode,
      kind,
      logical: fileBlock(owner.logical + skip),
      length,
      from: source.start,
      to: fsBlock(to),
    })
  }
  return moves
}

/** Where everything must be after moves that were reported as moved; blocks of extent trees excepted. */
export class ExpectedLayout {
  private readonly blocks = new Map<number, Map<number, number>>()
  private readonly xattr = new Map<number, number>()
  /** Of files mapped by indirect blocks, each map block in its place of the order. */
  private readonly maps = new Map<number, number[]>()

  constructor(before: ReadonlyMap<number, InodeDump>) {
    for (const { inode, blocks, xattr, indirect, treeBlocks } of before.values()) {
      if (indirect) this.maps.set(inode, [...treeBlocks])
      this.blocks.set(inode, new Map(blocks))
      this.xattr.set(inode, xattr)
    }
  }

  apply(move: Move): void {
    if (move.kind === 'tree') {
      const map = this.maps.get(move.inode)
      if (map) for (let i = 0; i < move.length; i++) map[map.indexOf(move.from + i)] = move.to + i
      return
    }
    if (move.kind === 'xattr') {
      for (const [inode, block] of this.xattr) if (block === move.from) this.xattr.set(inode, move.to)
      return
    }
    const blocks = this.blocks.get(move.inode)!
    for (let i = 0; i < move.length; i++) blocks.set(move.logical + i, move.to + i)
  }

  /** Differences from what debugfs finds, in words; empty when there are none. */
  differences(after: ReadonlyMap<number, InodeDump>): string[] {
    const found: string[] = []
    for (const [inode, blocks] of this.blocks) {
      const dump = after.get(inode)
      if (!dump) {
        found.push(`inode ${inode} is gone`)
        continue
      }
      if (dump.xattr !== this.xattr.get(inode))
        found.push(`inode ${inode}: attribute block at ${dump.xattr}, not ${this.xattr.get(inode)}`)
      const map = this.maps.get(inode)
      if (map && JSON.stringify(map) !== JSON.stringify(dump.treeBlocks))
        found.push(`inode ${inode}: map blocks at ${dump.treeBlocks.join()}, not ${map.join()}`)
      if (dump.blocks.size !== blocks.size) found.push(`inode ${inode}: ${dump.blocks.size} blocks, not ${blocks.size}`)
      for (const [logical, physical] of blocks) {
        if (dump.blocks.get(logical) !== physical) {
          found.push(`inode ${inode}: file block ${logical} at ${dump.blocks.get(logical)}, not ${physical}`)
          break
        }
      }
    }
    return found
  }
}
