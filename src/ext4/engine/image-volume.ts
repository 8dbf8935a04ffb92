/**
 * The Volume contract over an ext4 filesystem in a Store: exact to the block, no
 * mount, no root. Each method asks one file of this room.
 */
import { corrupt, usageError } from '../../errors.js'
import type { FsBlock } from '../../layout/block.js'
import { mergeExtents, type Extent } from '../../layout/extent.js'
import type { OwnedKind, OwnedRun } from '../../layout/owner.js'
import type { BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import type {
  FileMetadata,
  FileRef,
  Geometry,
  Lookup,
  Move,
  MoveOutcome,
  RelocateOptions,
  Volume,
} from '../../volume/volume.js'
import type {
  Capabilities,
  InodeNumbers,
  RenumberOptions,
  RenumberOutcome,
  Renumbering,
} from '../../volume/capabilities.js'
import { spanOf } from '../format/block-map.js'
import { ClaimMap, type Suspects } from '../ownership/claim-map.js'
import { imageContents } from '../read/file-contents.js'
import { fileExtents, physicalOf, readFileMap } from '../read/file-map.js'
import type { Filesystem } from '../read/filesystem.js'
import { treeShape } from '../read/extent-tree.js'
import { findFreeRuns } from '../read/free-runs.js'
import { ImmovableFiles } from '../ownership/immovable.js'
import type { Inode } from '../format/inode.js'
import { inodePlace, inodeTable, inodeTableShape } from '../renumber/slots.js'
import { NameCache } from '../read/name-cache.js'
import { findPaths } from '../read/name-search.js'
import { findOwners } from '../ownership/owners.js'
import { walkPath } from '../read/path-walk.js'
import { relocateOnImage } from '../relocate/round.js'
import { mostBlocksPerInode, renumberOnImage } from '../renumber/run-exchanges.js'
import { numberReason } from '../renumber/eligible.js'
import { findSuspects, guardRound } from '../ownership/preflight.js'
import { ImageSpace } from '../calls/space.js'
import type { Committer } from '../commit/committer.js'
import { GuardedCommitter, type CommitGuard } from '../commit/guarded-committer.js'
import { openCommitter } from '../commit/open-committer.js'

/** Who watches while the volume is written to, and what he is told of the work. */
export interface Watch {
  readonly guard: CommitGuard
  readonly done: { blocks: number; inodes: number }
}

export class ImageVolume implements Volume {
  readonly engine = 'ext4-image'
  readonly atRest = true
  readonly capabilities
  readonly moves: ReadonlySet<OwnedKind> = new Set<OwnedKind>(['data', 'directory', 'symlink', 'tree', 'xattr'])
  private readonly immovable: ImmovableFiles
  private readonly names: NameCache
  private known: Geometry | undefined
  /** All claims as of the last scan; dropped with the first round. */
  private claims: ClaimMap | undefined
  /** What was doubtful about them then; moving blocks adds nothing to it. */
  private suspects: Promise<Suspects> | undefined
  readonly filesystem: Filesystem
  readonly committer: Committer | undefined
  readonly partition: number
  private readonly watch: Watch | undefined

  /** The filesystem and its journal are open to the block-moving calls (calls/). */
  private constructor(
    filesystem: Filesystem,
    committer: Committer | undefined,
    partition: number,
    watch: Watch | undefined,
  ) {
    this.filesystem = filesystem
    this.committer = committer
    this.partition = partition
    this.watch = watch
    this.immovable = new ImmovableFiles(filesystem)
    this.names = new NameCache(filesystem)
    this.capabilities = {
      inodeTables: {
        shape: inodeTableShape(filesystem.superblock),
        place: (inode: number) => Promise.resolve(inodePlace(filesystem, inode)),
        inodeAt: async (path: string) => (await walkPath(filesystem, path, this.names, false))?.inode.number,
        numbers: this.numbers(),
      },
      contents: async (file: FileRef) => imageContents(filesystem, await filesystem.readInode(file.inode)),
      treeGrowth: treeShape(filesystem.blockSize),
      blockCalls: () => new ImageSpace(this),
    } satisfies Capabilities
  }

  /**
   * @param partition where the store is on its disk; 0 for all of it
   * @param watch     over a store that others can come to while it is written to
   * @throws refused when the store is writable and a crash while writing could not be mended
   */
  static async open(filesystem: Filesystem, partition = 0, watch?: Watch): Promise<ImageVolume> {
    const committer = filesystem.store.writable ? await openCommitter(filesystem) : undefined
    const guarded = committer && watch ? new GuardedCommitter(committer, watch.guard) : committer
    return new ImageVolume(filesystem, guarded, partition, watch)
  }

  geometry(): Geometry {
    const { superblock } = this.filesystem
    this.known ??= {
      uuid: superblock.uuid,
      blockSize: superblock.blockSize,
      blockCount: superblock.blockCount,
      firstDataBlock: superblock.firstDataBlock,
      blocksPerGroup: superblock.blocksPerGroup,
      groupCount: superblock.groupCount,
      fixedRuns: this.filesystem.fixedRuns(),
    }
    return this.known
  }

  async lookup(path: string): Promise<Lookup | undefined> {
    const walk = await walkPath(this.filesystem, path, this.names)
    if (!walk) return undefined
    const { number } = walk.inode
    if (!(await this.filesystem.inodeInUse(number)))
      throw corrupt('inode', number, `it is marked free, but ${JSON.stringify(walk.path)} leads to it`)
    return { file: await this.reference(walk.inode, walk.path), through: walk.through }
  }

  async byInode(number: number): Promise<FileRef | undefined> {
    const { filesystem } = this
    if (!filesystem.inodeInRange(number) || !(await filesystem.inodeInUse(number))) return undefined
    return this.reference(await filesystem.readInode(number))
  }

  paths(inodes: Iterable<number>): Promise<Map<number, string>> {
    return findPaths(this.filesystem, inodes)
  }

  async extents(file: FileRef): Promise<Extent[]> {
    return fileExtents(this.filesystem, await this.filesystem.readInode(file.inode))
  }

  /** The map blocks of an indirect-mapped file count as its tree. */
  async metadata(file: FileRef): Promise<FileMetadata> {
    const { filesystem } = this
    const inode = await filesystem.readInode(file.inode)
    const { kind, treeBlocks, mapBlocks } = await readFileMap(filesystem, inode)
    return {
      tree: treeBlocks,
      ...(kind === 'indirect' && { treeSpans: mapBlocks.map((each) => spanOf(each, filesystem.blockSize)) }),
      ...(inode.xattrBlock === 0 ? {} : { xattr: inode.xattrBlock }),
    }
  }

  async firstBlock(file: FileRef): Promise<FsBlock | undefined> {
    const { extents } = await readFileMap(this.filesystem, await this.filesystem.readInode(file.inode))
    return physicalOf(mergeExtents(extents), 0)
  }

  freeRuns(from: FsBlock, to: FsBlock): Promise<BlockRun[]> {
    return findFreeRuns(this.filesystem, from, to)
  }

  async owners(run: BlockRun): Promise<OwnedRun[]> {
    const claims = this.suspects ? undefined : new ClaimMap(this.filesystem.superblock)
    // One map at a time: on a large disk it is tens of megabytes.
    this.claims = undefined
    const owned = await findOwners(this.filesystem, this.immovable, RunSet.of([run]), claims)
    if (!this.suspects) this.claims = claims
    return owned
  }

  async *relocate(moves: readonly Move[], options: RelocateOptions): AsyncGenerator<MoveOutcome, void, undefined> {
    const { filesystem, committer } = this
    if (!committer) throw usageError('opened-for-reading', 'The image was opened for reading only.')
    this.suspects ??= findSuspects(filesystem, this.claims)
    this.claims = undefined
    const suspects = await this.suspects
    const round = await guardRound(filesystem, this.immovable, suspects, moves)
    yield* round.skipped
    const reserved = [...options.reserved, ...suspects.markedFree]
    for await (const outcome of relocateOnImage(filesystem, committer, round.moves, { ...options, reserved })) {
      if (this.watch && outcome.status === 'moved') this.watch.done.blocks += outcome.move.length
      yield outcome
    }
  }

  private numbers(): InodeNumbers {
    const { filesystem, committer } = this
    return {
      table: async (group) => inodeTable(filesystem, group, await mostBlocksPerInode(filesystem, committer)),
      fixed: async (inode) =>
        numberReason(filesystem, await filesystem.readInode(inode), await mostBlocksPerInode(filesystem, committer)),
      renumber: (renumberings, options) => this.renumber(renumberings, options),
    }
  }

  private async *renumber(
    renumberings: readonly Renumbering[],
    options: RenumberOptions,
  ): AsyncGenerator<RenumberOutcome, void, undefined> {
    const { filesystem, committer } = this
    if (!committer) throw usageError('opened-for-reading', 'The image was opened for reading only.')
    this.suspects ??= findSuspects(filesystem, this.claims)
    this.claims = undefined
    try {
      for await (const outcome of renumberOnImage(filesystem, committer, await this.suspects, renumberings, options)) {
        if (this.watch && outcome.status === 'renumbered') this.watch.done.inodes++
        yield outcome
      }
    } finally {
      this.names.clear()
      this.immovable.forget()
    }
  }

  async close(): Promise<void> {
    try {
      await this.committer?.close()
    } finally {
      try {
        if (this.committer instanceof GuardedCommitter) await this.committer.release()
      } finally {
        await this.filesystem.store.close()
      }
    }
  }

  private async reference(inode: Inode, path?: string): Promise<FileRef> {
    const immovable = await this.immovable.reason(inode)
    return {
      inode: inode.number,
      ...(path === undefined ? {} : { path }),
      type: inode.type,
      size: inode.size,
      links: inode.links,
      ...(immovable === undefined ? {} : { immovable }),
    }
  }
}
