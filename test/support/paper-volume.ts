/**
 * A paper disk behind the Volume contract, which can be made to stop after some
 * moves, as a killed process would. For the rooms that drive volumes; the engines
 * themselves are tested on real filesystems.
 */
import type { Extent } from '../../src/layout/extent.js'
import type { FsBlock } from '../../src/layout/block.js'
import type { OwnedKind, OwnedRun } from '../../src/layout/owner.js'
import { intersectRuns, type BlockRun } from '../../src/layout/run.js'
import type {
  FileMetadata,
  FileRef,
  Geometry,
  Lookup,
  Move,
  MoveOutcome,
  RelocateOptions,
  Volume,
} from '../../src/volume/volume.js'
import { paperTrees, type PaperDisk } from './paper-disk.js'

export class Killed extends Error {}

export class PaperVolume implements Volume {
  readonly engine = 'paper'
  atRest = true
  readonly capabilities = { treeGrowth: paperTrees }
  readonly moves: ReadonlySet<OwnedKind> = new Set(['data'])
  /** Moves that still succeed; the next one throws. */
  movesLeft = Infinity
  /** Moves that are skipped for now. */
  refuses: (move: Move) => boolean = () => false

  readonly disk: PaperDisk

  constructor(disk: PaperDisk) {
    this.disk = disk
  }

  geometry(): Geometry {
    return this.disk.geometry()
  }

  lookup(path: string): Promise<Lookup | undefined> {
    const inode = Number(path.slice(1))
    return Promise.resolve(this.ref(inode) && { file: this.ref(inode)!, through: [] })
  }

  byInode(inode: number): Promise<FileRef | undefined> {
    return Promise.resolve(this.ref(inode))
  }

  paths(inodes: Iterable<number>): Promise<Map<number, string>> {
    return Promise.resolve(new Map([...inodes].map((inode) => [inode, `/${inode}`])))
  }

  extents(file: FileRef): Promise<Extent[]> {
    return Promise.resolve(this.disk.extentsOf(file.inode))
  }

  metadata(): Promise<FileMetadata> {
    return Promise.resolve({ tree: [] })
  }

  firstBlock(): Promise<FsBlock | undefined> {
    return Promise.resolve(undefined)
  }

  freeRuns(from: FsBlock, to: FsBlock): Promise<BlockRun[]> {
    return Promise.resolve([...this.disk.snapshot().free.within({ start: from, length: to - from })])
  }

  owners(run: BlockRun): Promise<OwnedRun[]> {
    return Promise.resolve(this.disk.snapshot().owned.filter((owned) => intersectRuns(owned, run)))
  }

  async *relocate(moves: readonly Move[], options: RelocateOptions): AsyncIterable<MoveOutcome> {
    for (const move of moves) {
      if (options.signal?.aborted) return
      if (this.movesLeft-- <= 0) throw new Killed()
      if (this.refuses(move)) {
        yield await Promise.resolve({ move, status: 'skipped', reason: 'no-space' })
        continue
      }
      const held = Array.from({ length: move.length }, (_, i) => this.disk.held[move.from + i])
      if (!held.every((block, i) => block?.inode === move.inode && block.logical === move.logical + i)) {
        yield await Promise.resolve({ move, status: 'skipped', reason: 'changed' })
        continue
      }
      const blocked = Array.from({ length: move.length }, (_, i) => this.disk.held[move.to + i]).some(Boolean)
      if (blocked) {
        yield await Promise.resolve({ move, status: 'skipped', reason: 'taken' })
        continue
      }
      this.disk.carryOut([{ ...move, why: 'boot' }])
      yield { move, status: 'moved' }
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  private ref(inode: number): FileRef | undefined {
    const blocks = this.disk.held.filter((held) => held?.inode === inode).length
    return blocks === 0 ? undefined : { inode, path: `/${inode}`, type: 'regular', size: blocks * 4096, links: 1 }
  }
}
