/**
 * The Volume contract on a mounted XFS filesystem, entirely through the kernel. Where
 * XFS is not ext4: blocks are counted along the device, allocation groups are its block
 * groups, and a directory kept in its inode gives the block of that inode as its goal, because that is
 * what the kernel places its files by.
 */
import { lstatSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Volume } from 'bootpack'
import {
  blockRun,
  extent,
  fsBlock,
  mergeExtents,
  refused,
  mountedBootLoaderFiles,
  type Extent,
  type FileMetadata,
  type FileRef,
  type FileType,
  type FixedRun,
  type FsBlock,
  type Geometry,
  type Lookup,
  type Move,
  type MoveOutcome,
  type OwnedKind,
  type OwnedRun,
  type BlockRun,
  type RelocateOptions,
  usageError,
} from 'bootpack/engine'
import { xfsInode, type XfsInode } from '../kernel/bulkstat.js'
import { extendedFlag } from '../kernel/fsxattr.js'
import type { XfsMount } from '../filesystem/mounts.js'
import { directory, typeMask, XfsFilesystem } from '../filesystem/xfs-filesystem.js'
import { longestExtentBlocks } from '../fsr/layout.js'
import { MappedFiles } from '../fsr/mapped-files.js'
import { findPaths, walk } from './names.js'
import { claimsOf, extentsOf, ownersWithin } from './owners.js'
import { relocateXfs } from './relocate.js'

const types: Readonly<Record<number, FileType>> = {
  0o010000: 'fifo',
  0o020000: 'character-device',
  0o040000: 'directory',
  0o060000: 'block-device',
  0o100000: 'regular',
  0o120000: 'symlink',
  0o140000: 'socket',
}

export class XfsVolume implements Volume {
  readonly engine = 'xfs-live'
  readonly atRest = false
  /** Of what other engines can besides, the kernel lets XFS do nothing. */
  readonly capabilities = {}
  readonly moves: ReadonlySet<OwnedKind> = new Set<OwnedKind>(['data'])
  private readonly known: Geometry
  private readonly mapped: MappedFiles
  private readonly swapFiles: ReadonlySet<number>
  private readonly bootLoader: ReadonlySet<number>
  private readonly waiting = new Map<number, readonly Move[]>()
  private claims: OwnedRun[] | undefined

  private readonly filesystem: XfsFilesystem
  private readonly write: boolean

  private constructor(filesystem: XfsFilesystem, mount: XfsMount, write: boolean, bootLoader: ReadonlySet<number>) {
    this.filesystem = filesystem
    this.write = write
    this.known = geometryOf(filesystem)
    this.mapped = new MappedFiles(mount.number)
    this.swapFiles = activeSwapFiles(mount.mountPoint)
    this.bootLoader = bootLoader
  }

  /** @throws refused without root, or when it is to be written and mounted read-only */
  static async open(mount: XfsMount, write: boolean): Promise<XfsVolume> {
    if (write && mount.readOnly)
      throw refused(
        'read-only',
        `${mount.mountPoint} is mounted read-only.`,
        `Remount it: mount -o remount,rw ${mount.mountPoint}`,
      )
    const bootLoader = (await mountedBootLoaderFiles(mount.mountPoint)) ?? new Set<number>()
    return new XfsVolume(XfsFilesystem.open(mount.mountPoint), mount, write, bootLoader)
  }

  geometry(): Geometry {
    return this.known
  }

  lookup(path: string): Promise<Lookup | undefined> {
    return now(() => {
      const found = walk(this.filesystem.mountPoint, path)
      const inode = found && xfsInode(this.filesystem.root, found.stats.ino)
      return inode && { file: this.reference(inode, found!.path), through: found!.through }
    })
  }

  byInode(inode: number): Promise<FileRef | undefined> {
    return now(() => {
      const found = this.inode(inode)
      return found && found.links > 0 ? this.reference(found) : undefined
    })
  }

  paths(inodes: Iterable<number>): Promise<Map<number, string>> {
    return now(() => findPaths(this.filesystem.mountPoint, inodes))
  }

  extents(file: FileRef): Promise<Extent[]> {
    return now(() => this.extentsNow(file))
  }

  /** Trees and attributes have blocks too, but the kernel names them only with rmapbt, and moves none. */
  metadata(): Promise<FileMetadata> {
    return Promise.resolve({ tree: [] })
  }

  firstBlock(file: FileRef): Promise<FsBlock | undefined> {
    return now(() => {
      const [first] = this.extentsNow(file)
      if (first?.logical === 0) return first.physical
      return file.type === 'directory' ? fsBlock(this.filesystem.blockOfInode(file.inode)) : undefined
    })
  }

  freeRuns(from: FsBlock, to: FsBlock): Promise<BlockRun[]> {
    return now(() => {
      this.filesystem.sync()
      if (to <= from) return []
      return this.filesystem.freeRuns(blockRun(from, to - from)).flatMap((run) => {
        const start = Math.max(run.start, from)
        const end = Math.min(run.start + run.length, to)
        return end > start ? [blockRun(start, end - start)] : []
      })
    })
  }

  owners(run: BlockRun): Promise<OwnedRun[]> {
    return now(() => {
      const start = Math.max(0, run.start)
      const length = Math.min(run.start + run.length, this.known.blockCount) - start
      if (length <= 0) return []
      this.filesystem.sync()
      this.claims ??= claimsOf(this.filesystem, (inode) => this.immovable(inode))
      return ownersWithin(this.filesystem, blockRun(start, length), this.known.fixedRuns, this.claims)
    })
  }

  async *relocate(moves: readonly Move[], options: RelocateOptions): AsyncGenerator<MoveOutcome, void, undefined> {
    if (!this.write)
      throw usageError('opened-for-reading', 'The filesystem was opened for looking only.', 'Open it for writing.')
    const may: Move[] = []
    for (const move of moves) {
      if (this.swapFiles.has(move.inode)) yield { move, status: 'skipped', reason: 'swap-file' }
      else if (this.bootLoader.has(move.inode)) yield { move, status: 'skipped', reason: 'boot-loader' }
      else may.push(move)
    }
    try {
      yield* relocateXfs({ filesystem: this.filesystem, mapped: this.mapped, waiting: this.waiting }, may, options)
    } finally {
      this.claims = undefined
    }
  }

  close(): Promise<void> {
    return now(() => this.filesystem.close())
  }

  private inode(number: number): XfsInode | undefined {
    return Number.isSafeInteger(number) && number > 0 ? xfsInode(this.filesystem.root, number) : undefined
  }

  private extentsNow(file: FileRef): Extent[] {
    const inode = file.type === 'regular' || file.type === 'directory' ? this.inode(file.inode) : undefined
    if (!inode) return []
    const { blockSize } = this.known
    return mergeExtents(
      extentsOf(this.filesystem, inode).map(({ logical, physical, length, unwritten }) =>
        extent(logical / blockSize, physical / blockSize, length / blockSize, unwritten),
      ),
      longestExtentBlocks,
    )
  }

  private immovable(inode: XfsInode): FileRef['immovable'] {
    if (this.swapFiles.has(inode.inode)) return 'swap-file'
    if (this.bootLoader.has(inode.inode)) return 'boot-loader'
    if ((inode.xflags & extendedFlag.immutable) !== 0) return 'immutable'
    if ((inode.xflags & extendedFlag.appendOnly) !== 0) return 'append-only'
    if ((inode.xflags & extendedFlag.noDefrag) !== 0) return 'no-defrag'
    if ((inode.xflags & extendedFlag.realtime) !== 0) return 'no-call'
    return (inode.mode & typeMask) === directory ? 'no-call' : undefined
  }

  private reference(inode: XfsInode, path?: string): FileRef {
    const reason = this.immovable(inode)
    return {
      inode: inode.inode,
      ...(path !== undefined && { path }),
      type: types[inode.mode & typeMask] ?? 'unknown',
      size: inode.size,
      links: inode.links,
      ...(reason && { immovable: reason }),
    }
  }
}

/** What is synchronous inside is a promise outside, failures included. */
const now = <Result>(look: () => Result): Promise<Result> => new Promise((resolve) => resolve(look()))

function geometryOf({ geometry }: XfsFilesystem): Geometry {
  const { uuid, blockSize, blockCount, groupBlocks, groupCount } = geometry
  // Superblock, AGF, AGI and AGFL: a sector each, at the start of every allocation group.
  const fixedRuns: FixedRun[] = Array.from({ length: groupCount }, (_, group) => ({
    ...blockRun(group * groupBlocks, 1),
    kind: 'superblock' as const,
  }))
  return { uuid, blockSize, blockCount, firstDataBlock: 0, blocksPerGroup: groupBlocks, groupCount, fixedRuns }
}

function activeSwapFiles(mountPoint: string): ReadonlySet<number> {
  const device = lstatSync(mountPoint).dev
  const found = new Set<number>()
  for (const line of readFileSync('/proc/swaps', 'utf8').split('\n').slice(1)) {
    const path = line.split(/\s/, 1)[0]!.replaceAll('\\040', ' ')
    const stats = path === '' ? undefined : statSync(join('/', path), { throwIfNoEntry: false })
    if (stats?.isFile() && stats.dev === device) found.add(stats.ino)
  }
  return found
}
