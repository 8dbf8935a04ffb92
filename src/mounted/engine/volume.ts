/**
 * The Volume contract on a mounted ext4 filesystem, through the kernel. The kernel
 * is asked for what must be true now (where a file lies, what is free, every move),
 * the device below it for what only describes (names, owners, metadata blocks).
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { refused, usageError } from '../../errors.js'
import { treeShape } from '../../ext4/read/extent-tree.js'
import { inodePlace, inodeTableShape } from '../../ext4/renumber/slots.js'
import { fileExtents, readFileMap } from '../../ext4/read/file-map.js'
import { ImageVolume } from '../../ext4/engine/image-volume.js'
import { deviceNumber } from '../../host/block-devices.js'
import { parseSwaps } from '../../host/mountinfo.js'
import type { Inode } from '../../ext4/format/inode.js'
import { findPaths } from '../../ext4/read/name-search.js'
import { walkPath } from '../../ext4/read/path-walk.js'
import { fiemap } from '../../kernel/fiemap.js'
import { openByInode } from '../../kernel/open-by-handle.js'
import { pageSize } from '../../kernel/page-size.js'
import { syncFilesystem } from '../../kernel/syncfs.js'
import type { FsBlock } from '../../layout/block.js'
import { extent, mergeExtents, type Extent } from '../../layout/extent.js'
import type { OwnedKind, OwnedRun } from '../../layout/owner.js'
import { blockRun, type BlockRun } from '../../layout/run.js'
import type { RunSet } from '../../layout/run-set.js'
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
import type { Capabilities, InodeTableShape } from '../../volume/capabilities.js'
import { quoted } from '../../text/json-text.js'
import { AllocatorSettings, restoreRecorded } from '../settings/allocator-settings.js'
import { DiskViews, type DiskView } from '../view/disk-view.js'
import { liveContents } from '../view/file-contents.js'
import { LiveSpace } from '../calls/space.js'
import { Holdings } from '../reserve/reservation.js'
import { heldReason, lookForLocks } from '../view/held-files.js'
import { claimsWithin, onlineReason } from '../view/inode-claims.js'
import { troubleOf } from '../exchange/file-trouble.js'
import type { MountedFilesystem } from './filesystem.js'
import { ownersWithin } from '../view/owner-map.js'
import { refuseToWrite, refuseType, refuseWithoutRoot } from './refusals.js'
import { relocateLive, type RelocateContext } from './relocate.js'
import { SettingsRecord } from '../settings/record.js'
import { freeSpace } from '../view/space-map.js'

const inodeFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOATIME

export class LiveVolume implements Volume {
  readonly engine = 'ext4-live'
  readonly atRest = false
  readonly capabilities: Capabilities
  readonly moves: ReadonlySet<OwnedKind> = new Set<OwnedKind>(['data'])

  readonly mounted: MountedFilesystem
  /** Descriptor of the root directory. */
  readonly root: number
  private readonly views: DiskViews
  private readonly known: Geometry
  private readonly holdings: Holdings
  /** Held by the one process that may move blocks here. */
  private readonly record: SettingsRecord | undefined

  private constructor(
    mounted: MountedFilesystem,
    root: number,
    views: DiskViews,
    known: Geometry,
    shape: InodeTableShape,
    holdings: Holdings,
    record: SettingsRecord | undefined,
  ) {
    this.mounted = mounted
    this.root = root
    this.views = views
    this.known = known
    this.holdings = holdings
    this.record = record
    this.capabilities = {
      inodeTables: {
        shape,
        place: (inode) => views.look(({ filesystem }) => Promise.resolve(inodePlace(filesystem, inode))),
        inodeAt: (path) =>
          views.look(async (view) => (await walkPath(view.filesystem, path, view.names, false))?.inode.number),
      },
      contents: (file) => Promise.resolve(liveContents(root, file, known.blockSize)),
      treeGrowth: treeShape(known.blockSize),
      blockCalls: () => new LiveSpace(this, shape),
    }
  }

  /**
   * @param write whether blocks are to be moved
   * @throws refused, unsupported: see refusals.ts; KernelError
   */
  static async open(mounted: MountedFilesystem, write: boolean): Promise<LiveVolume> {
    refuseType(mounted)
    refuseWithoutRoot(mounted, write)
    const root = openRoot(mounted)
    let views: DiskViews | undefined
    let record: SettingsRecord | undefined
    try {
      views = await DiskViews.open(mounted.device, root)
      const { geometry, shape } = await views.look(async ({ filesystem }) => {
        if (write) refuseToWrite(mounted, filesystem.superblock)
        const shape = inodeTableShape(filesystem.superblock)
        return { geometry: (await ImageVolume.open(filesystem)).geometry(), shape }
      })
      if (write) {
        record = SettingsRecord.open(mounted.number)
        const left = record.read()
        if (left) restoreRecorded(left)
        record.clear()
      }
      return new LiveVolume(
        mounted,
        root,
        views,
        geometry,
        shape,
        new Holdings(`/proc/self/fd/${root}/.`, geometry.blockSize),
        record,
      )
    } catch (error) {
      record?.close()
      await views?.close()
      closeSync(root)
      throw error
    }
  }

  geometry(): Geometry {
    return this.known
  }

  lookup(path: string): Promise<Lookup | undefined> {
    return this.views.look(async (view) => {
      const walk = await walkPath(view.filesystem, path, view.names)
      return walk && { file: await reference(view, walk.inode, walk.path), through: walk.through }
    })
  }

  byInode(inode: number): Promise<FileRef | undefined> {
    return this.views.look(async (view) => {
      if (!view.filesystem.inodeInRange(inode)) return undefined
      const found = await view.filesystem.readInode(inode)
      return found.links === 0 ? undefined : await reference(view, found)
    })
  }

  paths(inodes: Iterable<number>): Promise<Map<number, string>> {
    const wanted = [...inodes]
    return this.views.look(({ filesystem }) => findPaths(filesystem, wanted))
  }

  /** FIEMAP, with dirty pages written out first; what the kernel opens for nobody is read from the device. */
  async extents(file: FileRef): Promise<Extent[]> {
    const mapped = isOpened(file) ? this.kernelExtents(file.inode) : undefined
    return (
      mapped ??
      (await this.views.look(
        async ({ filesystem }) => await fileExtents(filesystem, await filesystem.readInode(file.inode)),
      ))
    )
  }

  metadata(file: FileRef): Promise<FileMetadata> {
    return this.views.look(async ({ filesystem }) => {
      const inode = await filesystem.readInode(file.inode)
      const { treeBlocks } = await readFileMap(filesystem, inode)
      return { tree: treeBlocks, ...(inode.xattrBlock === 0 ? {} : { xattr: inode.xattrBlock }) }
    })
  }

  async firstBlock(file: FileRef): Promise<FsBlock | undefined> {
    const [first] = await this.extents(file)
    return first?.logical === 0 ? first.physical : undefined
  }

  async freeRuns(from: FsBlock, to: FsBlock): Promise<BlockRun[]> {
    syncFilesystem(this.root)
    return to > from ? [...this.free(blockRun(from, to - from))] : []
  }

  async owners(run: BlockRun): Promise<OwnedRun[]> {
    const within = this.clipped(run)
    if (within.length === 0) return []
    this.views.refresh()
    const claims = await this.views.look((view) => claimsWithin(view, within))
    return ownersWithin({
      root: this.root,
      blockSize: this.known.blockSize,
      claims,
      fixed: this.known.fixedRuns,
      within,
      free: () => {
        syncFilesystem(this.root)
        return this.free(within)
      },
    })
  }

  async *relocate(moves: readonly Move[], options: RelocateOptions): AsyncGenerator<MoveOutcome, void, undefined> {
    if (!this.relocating)
      throw usageError('opened-for-reading', 'The filesystem was opened for looking only.', 'Open it for writing.')
    try {
      yield* relocateLive(this.relocating, moves, options)
    } finally {
      this.views.refresh()
    }
  }

  /** What claiming and exchanging blocks takes, here and for the block-moving calls (calls/); undefined when opened for looking only. */
  get relocating(): RelocateContext | undefined {
    return (
      this.record && {
        root: this.root,
        geometry: this.known,
        holdings: this.holdings,
        settings: new AllocatorSettings(`/sys/fs/ext4/${this.mounted.name}`, this.record, this.known.groupCount),
        blocksPerPage: Math.max(1, pageSize() / this.known.blockSize),
        swapFiles: () => this.activeSwapFiles(),
        leased: () => lookForLocks(this.root).leased,
      }
    )
  }

  async close(): Promise<void> {
    try {
      this.holdings.close()
      if (this.record) syncFilesystem(this.root)
    } finally {
      this.record?.close()
      await this.views.close()
      closeSync(this.root)
    }
  }

  /** Free for a plan: what is free, and what we hold. */
  private free(within: BlockRun): RunSet {
    const free = freeSpace(this.root, this.known.blockSize, within)
    for (const held of this.holdings.within(within)) free.add(held)
    return free
  }

  private clipped({ start, length }: BlockRun): BlockRun {
    const from = Math.max(start, this.known.firstDataBlock)
    return blockRun(from, Math.max(0, Math.min(start + length, this.known.blockCount) - from))
  }

  private kernelExtents(inode: number): Extent[] | undefined {
    const { blockSize } = this.known
    let fd: number
    try {
      fd = openByInode(this.root, inode, inodeFlags)
    } catch (error) {
      // Gone, leased, encrypted without its key, or one the kernel keeps to itself, like the journal.
      troubleOf(error)
      return undefined
    }
    try {
      return mergeExtents(
        fiemap(fd)
          .filter((found) => !found.inline && !found.unplaced)
          .map(({ logical, physical, length, unwritten }) =>
            extent(logical / blockSize, physical / blockSize, length / blockSize, unwritten),
          ),
      )
    } catch (error) {
      troubleOf(error)
      return undefined
    } finally {
      closeSync(fd)
    }
  }

  private activeSwapFiles(): ReadonlySet<number> {
    const found = new Set<number>()
    const { dev } = fstatSync(this.root)
    for (const path of parseSwaps(readFileSync('/proc/swaps', 'utf8'))) {
      const stats = statSync(path, { throwIfNoEntry: false })
      if (stats?.isFile() && stats.dev === dev) found.add(stats.ino)
    }
    return found
  }
}

/** Opening a leased file would call the lease back, and opening a device would wake it. */
const isOpened = ({ type, immovable }: FileRef): boolean =>
  (type === 'regular' || type === 'directory') && immovable !== 'leased'

/** @throws refused when something else is there by now */
function openRoot({ mountPoint, number }: MountedFilesystem): number {
  const root = openSync(mountPoint, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOATIME)
  const { dev, ino } = fstatSync(root, { bigint: true })
  if (deviceNumber(dev) === number && ino === 2n) return root
  closeSync(root)
  throw refused('changed', `Another filesystem was mounted at ${quoted(mountPoint)} meanwhile.`, 'Try again.')
}

async function reference(view: DiskView, inode: Inode, path?: string): Promise<FileRef> {
  const reason =
    (await view.immovable.reason(inode)) ?? onlineReason(inode.flags) ?? heldReason(view.held, inode.number)
  return {
    inode: inode.number,
    ...(path === undefined ? {} : { path }),
    type: inode.type,
    size: inode.size,
    links: inode.links,
    ...(reason === undefined ? {} : { immovable: reason }),
  }
}
