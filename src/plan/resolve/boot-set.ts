/**
 * A trace resolved against a volume: which blocks of which inodes a boot reads,
 * in order, and where they lie now.
 *
 * Traces name files by path, by inode number or both, and metadata by its place on
 * the device. Here all of them become inodes: paths are walked (which also tells
 * the directories a boot has to read on the way), inodes are looked up, and device
 * blocks are given to their owners. What the volume does not have is `missing`:
 * files made during the boot, and files deleted since. Device blocks mean nothing on
 * another layout than the one they were recorded on, but for the inode tables, whose
 * blocks are followed with the inodes (left-tables.ts).
 */
import { lowerBound } from '../../lower-bound.js'
import { runEnd, type BlockRun } from '../../layout/run.js'
import { fsBlock } from '../../layout/block.js'
import { isOwnedKind, type OwnedRun } from '../../layout/owner.js'
import type { DiskLayout, FileLayout } from '../../layout/file-layout.js'
import type { BootRead } from '../../measure/boot-read.js'
import type { TraceRead } from '../../trace/model/trace.js'
import type { FileRef, Volume } from '../../volume/volume.js'
import { leaveTables } from '../inodes/remap-table-reads.js'

export interface MissingFile {
  readonly inode?: number
  readonly path?: string
}

/** Blocks of the device a trace names by their place, outside what never moves. */
export interface NamedBlocks {
  /** Held by a file, a directory or the like, as the blocks a boot reads are. */
  readonly held: number
  /** Free, or beyond the end of the filesystem. */
  readonly nowhere: number
  /** Whether the trace sees files by themselves; then a block that holds file data is a probe's and not counted. */
  readonly besidesFiles: boolean
}

export interface BootSet {
  /** In time order. */
  readonly reads: readonly BootRead[]
  /** Files whose data is read, in order of first read. */
  readonly files: readonly number[]
  /** Directories and symlinks read or walked through, in order of first need. */
  readonly through: readonly number[]
  /** Inodes whose attribute block is read; their data need not be. */
  readonly attributes: readonly number[]
  /** Layout of every inode in the lists above or in `reads`. */
  readonly layout: DiskLayout
  readonly missing: readonly MissingFile[]
  /** What became of the blocks the trace names by their place. */
  readonly blocks: NamedBlocks
}

/** @throws what the volume throws on structures it cannot trust */
export async function resolveTrace(reads: Iterable<TraceRead>, volume: Volume): Promise<BootSet> {
  const resolver = new Resolver(volume)
  const recorded = [...reads]
  await resolver.ownDeviceBlocks(recorded)
  for (const read of recorded) await resolver.add(read)
  return resolver.finish()
}

class Resolver {
  private readonly blockSize: number
  private readonly reads: BootRead[] = []
  private readonly files = new Set<number>()
  private readonly through = new Set<number>()
  private readonly attributes = new Set<number>()
  private readonly layout = new Map<number, FileLayout>()
  private readonly missing = new Map<string, MissingFile>()
  private readonly byPath = new Map<string, FileRef | undefined>()
  private readonly byInode = new Map<number, FileRef | undefined>()
  /** Of files mapped by indirect blocks, which blocks of their maps have been read. */
  private readonly maps = new Map<number, Set<number>>()
  /** Inodes that names lead to now, and the other numbers the trace knows them by. */
  private readonly moved = new Map<number, number>()
  private owners: readonly OwnedRun[] = []
  /**
   * Whether files are seen by themselves. Then what is read of the device is metadata, and
   * where it hits a file's data, it is somebody probing the disk (blkid looks at its end):
   * that read stays where it is, whoever lies there.
   */
  private namesFiles = false
  private held = 0
  private nowhere = 0

  private readonly volume: Volume

  constructor(volume: Volume) {
    this.volume = volume
    this.blockSize = volume.geometry().blockSize
  }

  /** One look at who owns the device blocks the trace names. */
  async ownDeviceBlocks(reads: readonly TraceRead[]): Promise<void> {
    const { blockCount, fixedRuns } = this.volume.geometry()
    let first = Infinity
    let last = -1
    for (const read of reads) {
      if (!isDeviceRead(read)) {
        this.namesFiles = true
        continue
      }
      const run = this.deviceRun(read)
      if (
        run.start >= blockCount ||
        fixedRuns.some((fixed) => fixed.start <= run.start && runEnd(run) <= runEnd(fixed))
      )
        continue
      first = Math.min(first, run.start)
      last = Math.max(last, Math.min(blockCount, runEnd(run)) - 1)
    }
    if (last < 0) return
    this.owners = await this.volume.owners({ start: fsBlock(first), length: last - first + 1 })
  }

  async add(read: TraceRead): Promise<void> {
    if (isDeviceRead(read)) return this.addDeviceRead(read)
    if (read.what === 'inode') return this.addInode(read)
    const file = await this.find(read)
    if (!file) {
      const missing = {
        ...(read.ino !== undefined && { inode: read.ino }),
        ...(read.path !== undefined && { path: read.path }),
      }
      this.missing.set(read.path ?? `inode ${read.ino}`, missing)
      return
    }
    const layout = await this.know(file)
    if (read.kind === 'metadata' && read.what !== 'symlink') {
      const kind = read.what === 'xattr' ? 'xattr' : 'tree'
      if (kind === 'xattr') this.attributes.add(file.inode)
      this.push(read, kind, file.inode, read.off, Math.max(1, read.len ?? 1))
      return
    }
    if (file.type === 'directory') this.through.add(file.inode)
    else if (file.type === 'symlink') this.through.add(file.inode)
    else if (file.type === 'regular') this.files.add(file.inode)
    else return
    const first = Math.floor(read.off / this.blockSize)
    const until = Math.min(
      read.len === undefined ? Infinity : Math.ceil((read.off + read.len) / this.blockSize),
      Math.ceil(layout.size / this.blockSize),
    )
    if (until > first) this.push(read, layout.kind, file.inode, first, until - first)
  }

  /** An inode that was loaded; whether its contents were read is not said. What is gone is not missed. */
  private async addInode(read: TraceRead): Promise<void> {
    const { path, ino } = read
    const number = (path === undefined ? undefined : await this.volume.capabilities.inodeTables?.inodeAt(path)) ?? ino
    if (number === undefined) return
    if (!this.byInode.has(number)) this.byInode.set(number, await this.volume.byInode(number))
    const file = this.byInode.get(number)
    if (!file) return
    this.noteMoved(number, ino)
    await this.know(file)
    this.push(read, 'inode', number, 0, 1)
  }

  async finish(): Promise<BootSet> {
    return {
      reads: await this.readsNow(),
      files: [...this.files],
      through: [...this.through],
      attributes: [...this.attributes],
      layout: this.layout,
      missing: [...this.missing.values()],
      blocks: { held: this.held, nowhere: this.nowhere, besidesFiles: this.namesFiles },
    }
  }

  private async readsNow(): Promise<readonly BootRead[]> {
    const { volume, moved } = this
    const { inodeTables } = volume.capabilities
    if (moved.size === 0 || !inodeTables) return this.reads
    const reads = new Map<number, BlockRun>()
    const stayed: number[] = []
    for (const inode of this.layout.keys()) if (!moved.has(inode)) stayed.push(inode)
    for (const inode of [...stayed, ...moved.keys(), ...moved.values()])
      reads.set(inode, (await inodeTables.place(inode)).read)
    return leaveTables(this.reads, moved, stayed, (inode) => reads.get(inode)!, volume.geometry())
  }

  private push(read: TraceRead, kind: BootRead['kind'], inode: number, block: number, length: number): void {
    const file = this.layout.get(inode)
    const { t, by, unit } = read
    const time = t !== undefined && { t }
    const reader = { ...(by !== undefined && { by }), ...(unit !== undefined && { unit }) }
    const add = (what: BootRead['kind'], from: number, count: number): void => {
      if (count > 0) this.reads.push({ ...time, kind: what, inode, block: from, length: count, ...reader })
    }
    let at = block
    // No trace of files tells of block maps, and none is read without them.
    if (file?.treeSpans && kind === file.kind) {
      const known = this.maps.get(inode) ?? new Set<number>()
      this.maps.set(inode, known)
      for (const [index, span] of file.treeSpans.entries()) {
        if (known.has(index) || span.logical >= block + length || span.logical + span.length <= block) continue
        known.add(index)
        const before = Math.max(at, span.logical)
        add(kind, at, before - at)
        add('tree', index, 1)
        at = before
      }
    }
    add(kind, at, block + length - at)
  }

  /** By path if it has one and leads somewhere, else by number. */
  private async find(read: TraceRead): Promise<FileRef | undefined> {
    if (read.path !== undefined) {
      if (!this.byPath.has(read.path)) this.byPath.set(read.path, await this.walk(read.path))
      const found = this.byPath.get(read.path)
      if (found) this.noteMoved(found.inode, read.ino)
      if (found || read.ino === undefined) return found
    }
    if (read.ino === undefined) return undefined
    if (!this.byInode.has(read.ino)) this.byInode.set(read.ino, await this.volume.byInode(read.ino))
    return this.byInode.get(read.ino)
  }

  private noteMoved(inode: number, recorded: number | undefined): void {
    if (recorded === undefined || recorded === inode) return
    const most = this.volume.capabilities.inodeTables?.shape.inodeCount ?? 0
    if (Number.isInteger(recorded) && recorded >= 1 && recorded <= most) this.moved.set(inode, recorded)
  }

  private async walk(path: string): Promise<FileRef | undefined> {
    const found = await this.volume.lookup(path)
    if (!found) return undefined
    for (const inode of found.through) {
      if (this.layout.has(inode)) continue
      const file = await this.volume.byInode(inode)
      if (!file) continue
      await this.know(file)
      this.through.add(inode)
    }
    return found.file
  }

  private async know(file: FileRef): Promise<FileLayout> {
    const known = this.layout.get(file.inode)
    if (known) return known
    const layout = await layoutOf(file, this.volume)
    this.layout.set(file.inode, layout)
    return layout
  }

  private deviceRun(read: TraceRead): BlockRun {
    const start = Math.floor(read.off / this.blockSize)
    const end = Math.ceil((read.off + (read.len ?? 1)) / this.blockSize)
    return { start: fsBlock(start), length: Math.max(1, end - start) }
  }

  /** Splits the read at the borders between owners. */
  private async addDeviceRead(read: TraceRead): Promise<void> {
    const run = this.deviceRun(read)
    const end = runEnd(run)
    // An imported trace says what a block is, and keeps only those that never move and what probed the disk.
    if (read.what === undefined) this.countNamed(run)
    for (let at: number = run.start; at < end;) {
      const owner = this.ownerAt(at)
      if (!owner || !isOwnedKind(owner.kind) || (owner.kind === 'data' && this.namesFiles)) {
        const until = Math.min(end, this.nextOwnerAfter(at))
        this.push(read, 'device', 0, at, until - at)
        at = until
        continue
      }
      const file = this.layout.get(owner.inode) ?? (await this.volume.byInode(owner.inode))
      const until = Math.min(end, runEnd(owner))
      if (file) {
        if (!('extents' in file)) await this.know(file)
        const layout = this.layout.get(owner.inode)!
        if (owner.kind === 'xattr') this.attributes.add(owner.inode)
        else if (layout.kind === 'directory' || layout.kind === 'symlink') this.through.add(owner.inode)
        else this.files.add(owner.inode)
        this.push(read, owner.kind, owner.inode, owner.logical + (at - owner.start), until - at)
      }
      at = until
    }
  }

  /** Blocks that never move are the same on every layout and are not counted. */
  private countNamed(run: BlockRun): void {
    const { blockCount, fixedRuns } = this.volume.geometry()
    const end = runEnd(run)
    this.nowhere += Math.max(0, end - Math.max(run.start, blockCount))
    if (fixedRuns.some((fixed) => fixed.start <= run.start && end <= runEnd(fixed))) return
    for (let block: number = run.start; block < Math.min(end, blockCount); block++) {
      const owner = this.ownerAt(block)
      if (!owner) this.nowhere++
      else if (isOwnedKind(owner.kind) && !(owner.kind === 'data' && this.namesFiles)) this.held++
    }
  }

  private firstOwnerEndingAfter(block: number): number {
    return lowerBound(this.owners.length, (place) => this.owners[place]!.start + this.owners[place]!.length > block)
  }

  private ownerAt(block: number): OwnedRun | undefined {
    const owner = this.owners[this.firstOwnerEndingAfter(block)]
    return owner && owner.start <= block ? owner : undefined
  }

  private nextOwnerAfter(block: number): number {
    for (let i = this.firstOwnerEndingAfter(block); i < this.owners.length; i++) {
      const owner = this.owners[i]!
      if (isOwnedKind(owner.kind) && owner.start > block) return owner.start
    }
    return Infinity
  }
}

const isDeviceRead = (read: TraceRead): boolean =>
  read.kind === 'metadata' && read.ino === undefined && read.path === undefined

/** Asks a volume where a file lies. */
export async function layoutOf(file: FileRef, volume: Volume): Promise<FileLayout> {
  const [extents, metadata] = [await volume.extents(file), await volume.metadata(file)]
  return {
    inode: file.inode,
    ...(file.path !== undefined && { path: file.path }),
    kind: file.type === 'directory' ? 'directory' : file.type === 'symlink' ? 'symlink' : 'data',
    size: file.size,
    extents,
    tree: metadata.tree,
    ...(metadata.treeSpans !== undefined && { treeSpans: metadata.treeSpans }),
    ...(metadata.xattr !== undefined && { xattr: metadata.xattr }),
    ...(file.immovable !== undefined && { immovable: file.immovable }),
  }
}
