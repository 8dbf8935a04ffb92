/**
 * A trace as it was recorded, with owners instead of device blocks and names instead
 * of inode numbers: fit to be used on another layout of the same files.
 */
import { runEnd } from '../../layout/run.js'
import type { BootRead } from '../../measure/boot-read.js'
import type { TraceRead } from '../../trace/model/trace.js'
import type { Geometry, Volume } from '../../volume/volume.js'
import { parentOf } from '../place/goal.js'
import { resolveTrace, type BootSet, type MissingFile } from './boot-set.js'
import { refuseMisfit, type FitOptions } from './trace-fit.js'

export interface NamedTrace {
  readonly reads: readonly TraceRead[]
  readonly missing: readonly MissingFile[]
}

/**
 * @param fit what to think of a trace that does not fit; without it nothing is thought
 * @throws usage when it does not fit, and what the volume throws on structures it cannot trust
 */
export async function nameTrace(reads: Iterable<TraceRead>, volume: Volume, fit?: FitOptions): Promise<NamedTrace> {
  const boot = await nameFiles(await resolveTrace(reads, volume), volume)
  if (fit) refuseMisfit(boot, fit)
  return { reads: traceOf(boot, volume.geometry()), missing: boot.missing }
}

/** The reads of a resolved boot, to be resolved again on another layout. */
export const traceOf = (boot: BootSet, geometry: Geometry): TraceRead[] =>
  boot.reads.map((read) => asTraceRead(read, boot, geometry))

/** Gives paths to files that the trace knows only by number. */
export async function nameFiles(boot: BootSet, volume: Volume): Promise<BootSet> {
  const nameless = new Set<number>()
  for (const { inode, path } of boot.layout.values()) if (path === undefined) nameless.add(inode)
  if (nameless.size === 0) return boot
  const layout = new Map(boot.layout)
  const name = (inode: number, path: string): void => {
    if (nameless.delete(inode)) layout.set(inode, { ...layout.get(inode)!, path })
  }
  await nameFoldersOnTheWay(boot, volume, name)
  if (nameless.size > 0) for (const [inode, path] of await volume.paths([...nameless])) name(inode, path)
  return { ...boot, layout }
}

/** Directories above files that have a path need no search: a directory has one path, the beginning of theirs. */
async function nameFoldersOnTheWay(
  boot: BootSet,
  volume: Volume,
  name: (inode: number, path: string) => void,
): Promise<void> {
  const seen = new Set<string>()
  for (const { path } of boot.layout.values()) {
    if (path === undefined) continue
    for (let at = parentOf(path); !seen.has(at); at = parentOf(at)) {
      seen.add(at)
      const found = await volume.lookup(at)
      if (found?.file.path === at) name(found.file.inode, at)
    }
  }
}

function asTraceRead(read: BootRead, boot: BootSet, geometry: Geometry): TraceRead {
  const { by, unit } = read
  return {
    ...withoutReader(read, boot, geometry),
    ...(by !== undefined && { by }),
    ...(unit !== undefined && { unit }),
  }
}

function withoutReader({ t, kind, inode, block, length }: BootRead, boot: BootSet, geometry: Geometry): TraceRead {
  const { blockSize } = geometry
  const time = t === undefined ? {} : { t }
  if (kind === 'device') {
    return {
      ...time,
      off: block * blockSize,
      len: length * blockSize,
      kind: 'metadata',
      what: fixedKindAt(block, geometry),
    }
  }
  const path = boot.layout.get(inode)?.path
  const file = { ...time, ino: inode, ...(path !== undefined && { path }) }
  switch (kind) {
    case 'inode':
      return { ...file, off: 0, len: 1, kind: 'metadata', what: 'inode' }
    case 'tree':
    case 'xattr':
      return { ...file, off: block, len: length, kind: 'metadata', what: kind }
    case 'directory':
      return { ...file, off: block * blockSize, len: length * blockSize, kind: 'directory' }
    case 'symlink':
      return { ...file, off: block * blockSize, len: length * blockSize, kind: 'metadata', what: 'symlink' }
    case 'data':
      return { ...file, off: block * blockSize, len: length * blockSize, kind: 'data' }
  }
}

function fixedKindAt(block: number, { fixedRuns }: Geometry): NonNullable<TraceRead['what']> {
  const kind = fixedRuns.find((run) => run.start <= block && block < runEnd(run))?.kind
  switch (kind) {
    case 'inode-table':
      return 'inode-table'
    case 'block-bitmap':
    case 'inode-bitmap':
      return 'bitmap'
    case 'superblock':
    case 'group-descriptors':
    case 'reserved-descriptors':
      return 'superblock'
    default:
      return 'unknown'
  }
}
