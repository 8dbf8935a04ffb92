/**
 * A trace as it was recorded, with owners instead of device blocks and names instead
 * of inode numbers: fit to be used on another layout of the same files.
 */
import { runEnd } from '../layout/run.js'
import type { BootRead } from '../measure/boot-read.js'
import type { TraceRead } from '../trace/trace.js'
import type { Geometry, Volume } from '../volume/volume.js'
import { resolveTrace, type BootSet, type MissingFile } from './boot-set.js'

export interface NamedTrace {
  readonly reads: readonly TraceRead[]
  readonly missing: readonly MissingFile[]
}

/** @throws what the volume throws on structures it cannot trust */
export async function nameTrace(reads: Iterable<TraceRead>, volume: Volume): Promise<NamedTrace> {
  const boot = await nameFiles(await resolveTrace(reads, volume), volume)
  const geometry = volume.geometry()
  return { reads: boot.reads.map((read) => asTraceRead(read, boot, geometry)), missing: boot.missing }
}

/** Gives paths to files that the trace knows only by number. */
export async function nameFiles(boot: BootSet, volume: Volume): Promise<BootSet> {
  const nameless = [...boot.layout.values()].filter(({ path }) => path === undefined).map(({ inode }) => inode)
  if (nameless.length === 0) return boot
  const names = await volume.paths(nameless)
  const layout = new Map(boot.layout)
  for (const inode of nameless) {
    const path = names.get(inode)
    if (path !== undefined) layout.set(inode, { ...layout.get(inode)!, path })
  }
  return { ...boot, layout }
}

function asTraceRead({ t, kind, inode, block, length }: BootRead, boot: BootSet, geometry: Geometry): TraceRead {
  const { blockSize } = geometry
  const time = t === undefined ? {} : { t }
  if (kind === 'device') {
    return { ...time, off: block * blockSize, len: length * blockSize, kind: 'metadata', what: fixedKindAt(block, geometry) }
  }
  const path = boot.layout.get(inode)?.path
  const file = { ...time, ino: inode, ...(path !== undefined && { path }) }
  switch (kind) {
    case 'tree':
    case 'xattr': return { ...file, off: block, len: length, kind: 'metadata', what: kind }
    case 'directory': return { ...file, off: block * blockSize, len: length * blockSize, kind: 'directory' }
    case 'symlink': return { ...file, off: block * blockSize, len: length * blockSize, kind: 'metadata', what: 'symlink' }
    case 'data': return { ...file, off: block * blockSize, len: length * blockSize, kind: 'data' }
  }
}

function fixedKindAt(block: number, { fixedRuns }: Geometry): NonNullable<TraceRead['what']> {
  const kind = fixedRuns.find((run) => run.start <= block && block < runEnd(run))?.kind
  switch (kind) {
    case 'inode-table': return 'inode-table'
    case 'block-bitmap':
    case 'inode-bitmap': return 'bitmap'
    case 'superblock':
    case 'group-descriptors':
    case 'reserved-descriptors': return 'superblock'
    default: return 'unknown'
  }
}
