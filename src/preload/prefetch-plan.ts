/**
 * The sweep: what a boot reads, read once before it in the order it lies on the disk.
 *
 * Layout alone leaves a boot two kinds of jumps: between the data and the tables the
 * inodes lie in, which never move, and between programs that read at the same time. A
 * sweep takes both away. First the metadata, as ranges of the block device, in one pass:
 * read that way it lands in the cache the filesystem itself uses. With every directory and
 * inode known, opening files costs no reads, and the second pass, the files in the order
 * of their first blocks, is sequential too. Measured, either half alone is worth less than
 * half of both.
 *
 * What is read is what the boot set needs and what is cheaper read than jumped over
 * (bridge.ts); how much, is bounded. The rest stays for the boot to read as always.
 */
import type { FsBlock } from '../layout/block.js'
import type { FileLayout } from '../layout/file-layout.js'
import { intersectRuns, runEnd, type BlockRun } from '../layout/run.js'
import { RunSet } from '../layout/run-set.js'
import type { DiskModel } from '../measure/disk-model.js'
import type { BootSet } from '../plan/resolve/boot-set.js'
import type { Geometry } from '../volume/volume.js'
import { bridgeBlocks, bridged } from './gap-merging.js'
import { sweptParts, type FilePart } from './file-parts.js'

/** Bytes the metadata ranges are counted in, on the device; one read(2) each. */
export const deviceUnit = 32 * 1024

export type MetadataKind = 'inode-table' | 'directory' | 'tree' | 'xattr' | 'symlink' | 'bitmap' | 'probe'

export interface SweepFile {
  readonly inode: number
  readonly path: string
  /** Bytes that are read of it. */
  readonly bytes: number
  /** Where its first block that is read lies. */
  readonly first: FsBlock
  /** Undefined when it is read whole. */
  readonly parts?: readonly FilePart[]
}

export interface LeftOut {
  readonly inode: number
  readonly path?: string
  readonly bytes: number
  /** `nameless`: no path leads there; `bound`: more than may be read in advance. */
  readonly reason: 'nameless' | 'bound'
}

export interface Sweep {
  readonly blockSize: number
  /** Blocks of the boot set that are not file data, by kind; a block counts once. */
  readonly wanted: Readonly<Record<MetadataKind, number>>
  /** What is read of the device: sorted, disjoint, not touching. */
  readonly metadata: readonly BlockRun[]
  /** In the order of their first blocks. */
  readonly files: readonly SweepFile[]
  readonly leftOut: readonly LeftOut[]
  /** Of the device and of files together. */
  readonly bytes: number
}

export interface SweepOptions {
  readonly model: DiskModel
  /** Bytes; metadata first, then the files in the order the boot needs them. */
  readonly mostBytes: number
  /** Ranges and files; a shell goes through them one by one. */
  readonly mostEntries: number
}

/**
 * @param inodeBlocks for every inode of the boot set, the block of the inode table it lies in
 */
export function planSweep(
  boot: BootSet,
  geometry: Geometry,
  inodeBlocks: ReadonlyMap<number, FsBlock>,
  options: SweepOptions,
): Sweep {
  const { blockSize, blockCount } = geometry
  const bridge = bridgeBlocks(options.model, geometry)
  const { all, wanted } = wantedMetadata(boot, geometry, inodeBlocks)
  const metadata: BlockRun[] = []
  let bytes = 0
  for (const run of bridged(all, bridge, Math.max(1, deviceUnit / blockSize), blockCount)) {
    const cost = run.length * blockSize
    if (bytes + cost > options.mostBytes || metadata.length >= options.mostEntries) break
    metadata.push(run)
    bytes += cost
  }
  const reads = dataReads(boot)
  const files: SweepFile[] = []
  const leftOut: LeftOut[] = []
  let entries = metadata.length
  for (const inode of boot.files) {
    const file = boot.layout.get(inode)!
    const swept = sweptParts(file, reads.get(inode) ?? new RunSet(), bridge, blockSize)
    if (!swept) continue
    const { first, parts } = swept
    if (file.path === undefined) {
      leftOut.push({ inode, bytes: swept.bytes, reason: 'nameless' })
    } else if (bytes + swept.bytes > options.mostBytes || entries + (parts?.length ?? 1) > options.mostEntries) {
      leftOut.push({ inode, path: file.path, bytes: swept.bytes, reason: 'bound' })
    } else {
      files.push({ inode, path: file.path, bytes: swept.bytes, first, ...(parts && { parts }) })
      bytes += swept.bytes
      entries += parts?.length ?? 1
    }
  }
  files.sort((a, b) => a.first - b.first || a.inode - b.inode)
  return { blockSize, wanted, metadata, files, leftOut, bytes }
}

/** What of its files' data a boot reads, in blocks of the file. */
function dataReads(boot: BootSet): Map<number, RunSet> {
  const reads = new Map<number, RunSet>()
  for (const { kind, inode, block, length } of boot.reads) {
    if (kind !== 'data') continue
    let blocks = reads.get(inode)
    if (!blocks) reads.set(inode, (blocks = new RunSet()))
    blocks.add({ start: block as FsBlock, length })
  }
  return reads
}

interface Wanted {
  readonly all: RunSet
  readonly wanted: Record<MetadataKind, number>
}

/**
 * What programs read of the device as such: udev looks for signatures at both ends of it, a
 * block at a time. What mounting has read comes from the cache. A program that reads the
 * whole device while a boot is recorded must not fill the sweep.
 */
const mostProbeBytes = 4 << 20

/** The blocks of the boot set that are not file data. */
export function wantedMetadata(boot: BootSet, geometry: Geometry, inodeBlocks: ReadonlyMap<number, FsBlock>): Wanted {
  const { blockCount } = geometry
  const all = new RunSet()
  const wanted: Record<MetadataKind, number> = {
    'inode-table': 0,
    directory: 0,
    tree: 0,
    xattr: 0,
    symlink: 0,
    bitmap: 0,
    probe: 0,
  }
  const want = (kind: MetadataKind, run: BlockRun): void => {
    const inside = intersectRuns(run, { start: 0 as FsBlock, length: blockCount })
    if (!inside) return
    for (const fresh of [...all.missingFrom(inside)]) wanted[kind] += fresh.length
    all.add(inside)
  }
  const recordedDirectories = new Set<number>()
  for (const { kind, inode, block, length } of boot.reads) {
    if (kind === 'device') {
      // Also when the boot's inodes have other numbers since: the tables hold those, too, that it only
      // looks at and a trace does not name. Left out, the boot read them one by one (measured).
      const run = { start: block as FsBlock, length }
      const parts = fixedParts(run, geometry)
      for (const part of parts) want(part.as, part.run)
      const others = RunSet.of([run])
      for (const part of parts) others.remove(part.run)
      for (const other of others) {
        if ((wanted.probe + other.length) * geometry.blockSize <= mostProbeBytes) want('probe', other)
      }
    } else if (kind === 'directory') {
      recordedDirectories.add(inode)
      for (const run of mapped(boot.layout.get(inode), block, length)) want('directory', run)
    }
  }
  for (const [inode, file] of boot.layout) {
    const home = inodeBlocks.get(inode)
    if (home !== undefined) want('inode-table', { start: home, length: 1 })
    if (file.kind === 'directory' && !recordedDirectories.has(inode))
      for (const run of mapped(file, 0, Infinity)) want('directory', run)
    if (file.kind === 'symlink') for (const run of mapped(file, 0, Infinity)) want('symlink', run)
    for (const block of file.tree) want('tree', { start: block, length: 1 })
    if (file.xattr !== undefined) want('xattr', { start: file.xattr, length: 1 })
  }
  return { all, wanted }
}

/** What of a read of the device hits inode tables and bitmaps. */
function fixedParts(read: BlockRun, { fixedRuns }: Geometry): { run: BlockRun; as: MetadataKind }[] {
  const parts: { run: BlockRun; as: MetadataKind }[] = []
  for (const fixed of fixedRuns) {
    if (fixed.start >= runEnd(read)) break
    const as =
      fixed.kind === 'inode-table'
        ? 'inode-table'
        : fixed.kind === 'block-bitmap' || fixed.kind === 'inode-bitmap'
          ? 'bitmap'
          : undefined
    const run = as && intersectRuns(fixed, read)
    if (run) parts.push({ run, as })
  }
  return parts
}

/** Where blocks [from, from + length) of a file lie, as far as they are written. */
function* mapped(file: FileLayout | undefined, from: number, length: number): Generator<BlockRun> {
  for (const { logical, physical, length: blocks, unwritten } of file?.extents ?? []) {
    const start = Math.max(from, logical)
    const end = Math.min(from + length, logical + blocks)
    if (end > start && !unwritten) yield { start: (physical + (start - logical)) as FsBlock, length: end - start }
  }
}
