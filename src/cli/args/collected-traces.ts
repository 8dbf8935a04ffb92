/**
 * From a recording to trace files: reads go to the filesystem they belong to, numbers
 * and device blocks get names and owners while the layout still is the one that was
 * recorded, and each filesystem's trace is written. Names that cannot be found never
 * cost the recording: what is not known stays as it was recorded, and the header says
 * so.
 */
import { accessSync, constants, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { dirname } from 'node:path'
import type { Mount } from '../../collect/mounts.js'
import { nameByWalk, type NamedReads } from '../../collect/name-by-walk.js'
import { outputNames } from '../../collect/output-names.js'
import { splitByFilesystem, type FilesystemReads, type Recording } from '../../collect/recording.js'
import { BootpackError, ioError, usageError } from '../../errors.js'
import { parseMountinfo } from '../../host/mountinfo.js'
import { nameTrace } from '../../plan/resolve/name-trace.js'
import { counted } from '../../text/table.js'
import { bytes } from '../../text/units.js'
import { escapePath } from '../../text/escape-path.js'
import { traceHeader, type TraceHeader, type TraceRead } from '../../trace/model/trace.js'
import { writeTrace } from '../../trace/write-trace.js'
import type { Volume } from '../../volume/volume.js'
import { openTarget } from '../session/open-target.js'

export const currentMounts = (): Mount[] => parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))

/**
 * A recording cannot be repeated: where it will be written is looked at before it begins.
 * @throws usage when there is no such folder, refused when nothing may be made in it
 */
export function needOutputFolder(output: string): void {
  if (output === '-') return
  const folder = dirname(output)
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      throw ioError(`Nothing can be written in ${escapePath(folder)}.`, cause)
    throw usageError('no-folder', `There is no folder ${escapePath(folder)}.`, 'Make it first, or write elsewhere.')
  }
}

export interface WrittenTrace {
  /** '-' for standard output. */
  readonly file: string
  readonly mount?: string
  readonly device?: string
  readonly filesystem?: string
  readonly reads: number
  readonly files: number
  /** Distinct bytes, as far as lengths are known. */
  readonly bytes: number
  /** Files without a name, because they were deleted meanwhile. */
  readonly missing: number
  /** Reads of device blocks nobody could be found for. */
  readonly unresolved: number
}

export interface WriteOptions {
  /** A path, or '-' for the main filesystem's trace on standard output. */
  readonly output: string
  /** Devices to keep; all that are mounted when left out. */
  readonly only?: ReadonlySet<string>
  /** The mount point whose trace gets the name `output`; by default the one with most file data. */
  readonly main?: string
  readonly header: Partial<TraceHeader>
  /** Gets a sentence when names could not be had in the best way. */
  readonly warn: (sentence: string) => void
}

/** @throws as writeTrace does */
export async function writeRecording(recording: Recording, options: WriteOptions): Promise<WrittenTrace[]> {
  const { output, main } = options
  const split = splitByFilesystem(recording.reads, currentMounts(), options.only)
  const isMain = ({ mount }: FilesystemReads): boolean => mount.mountPoint === main
  let filesystems = [...split.filesystems.filter(isMain), ...split.filesystems.filter((each) => !isMain(each))]
  let { others } = split
  if (output === '-') {
    for (const { reads } of filesystems.slice(1)) others += reads.length
    filesystems = filesystems.slice(0, 1)
  }
  const common = commonHeader(recording, others, options.header)
  if (filesystems.length === 0) {
    await writeTrace(output, { header: common, reads: [] })
    return [{ file: output, reads: 0, files: 0, bytes: 0, missing: 0, unresolved: 0 }]
  }
  const names = outputNames(
    output,
    filesystems.map(({ mount }) => mount.mountPoint),
  )
  const written: WrittenTrace[] = []
  for (const [i, filesystem] of filesystems.entries())
    written.push(await writeOne(names[i]!, filesystem, common, options.warn))
  return written
}

function commonHeader({ source, lost, ignored }: Recording, others: number, more: Partial<TraceHeader>): TraceHeader {
  const left = { ...ignored, ...(others > 0 && { 'other-device': (ignored['other-device'] ?? 0) + others }) }
  return traceHeader(source, {
    kernel: release(),
    recorded: new Date().toISOString(),
    ...(lost > 0 && { lost }),
    ...(Object.keys(left).length > 0 && { ignored: left }),
    ...more,
  })
}

async function writeOne(
  file: string,
  { mount, reads }: FilesystemReads,
  common: TraceHeader,
  warn: WriteOptions['warn'],
): Promise<WrittenTrace> {
  const named = await nameReads(reads, mount, warn)
  const { missing, unresolved, resolved } = named
  const header = {
    ...common,
    root: mount.device,
    mount: mount.mountPoint,
    filesystem: mount.type,
    ...(resolved !== undefined && { resolved }),
    ...(missing > 0 && { missing }),
    ...(unresolved > 0 && { unresolved }),
  }
  await writeTrace(file, { header, reads: named.reads })
  const files = new Set(named.reads.flatMap(({ kind, ino, path }) => (kind === 'data' ? [ino ?? path] : [])))
  return {
    file,
    mount: mount.mountPoint,
    device: mount.device,
    filesystem: mount.type,
    reads: named.reads.length,
    files: files.size,
    bytes: named.reads.reduce((sum, { kind, len }) => sum + (kind === 'metadata' ? 0 : (len ?? 0)), 0),
    missing,
    unresolved,
  }
}

interface Named extends NamedReads {
  /** UUID of the filesystem, where an engine told the owners. */
  readonly resolved?: string
}

async function nameReads(reads: readonly TraceRead[], mount: Mount, warn: WriteOptions['warn']): Promise<Named> {
  // A snapshot of the page cache has both for every read, and nothing else.
  if (reads.every(({ ino, path }) => ino !== undefined && path !== undefined)) return await byWalk(reads, mount, warn)
  const volume = await openMounted(mount, warn)
  if (!volume) return await byWalk(reads, mount, warn)
  try {
    // By number: the name a file was opened by may be another's by now.
    const numbered = reads.map(({ path, ...read }) =>
      read.ino === undefined && path !== undefined ? { ...read, path } : read,
    ) as TraceRead[]
    const { reads: named, missing } = await nameTrace(numbered, volume)
    const unresolved = named.filter(
      ({ kind, ino, what }) => kind === 'metadata' && ino === undefined && what === 'unknown',
    ).length
    return { reads: named, missing: missing.length, unresolved, resolved: volume.geometry().uuid }
  } catch (error) {
    if (!(error instanceof BootpackError)) throw error
    warn(`${escapePath(mount.mountPoint)}: ${error.message} Its folders were searched for names instead.`)
    return await byWalk(reads, mount, warn)
  } finally {
    await volume.close()
  }
}

/** @returns undefined where no engine can look at the mounted filesystem */
async function openMounted(mount: Mount, warn: WriteOptions['warn']): Promise<Volume | undefined> {
  try {
    return await openTarget(mount.mountPoint, { write: false })
  } catch (error) {
    if (!(error instanceof BootpackError)) throw error
    if (error.code !== 'no-engine')
      warn(`${escapePath(mount.mountPoint)}: ${error.message} Its folders were searched for names instead.`)
    return undefined
  }
}

async function byWalk(reads: readonly TraceRead[], mount: Mount, warn: WriteOptions['warn']): Promise<NamedReads> {
  try {
    return await nameByWalk(reads, mount)
  } catch (error) {
    if (!(error instanceof BootpackError)) throw error
    warn(`${escapePath(mount.mountPoint)}: ${error.message}. The trace has inode numbers instead of names.`)
    return {
      reads,
      missing: 0,
      unresolved: reads.filter(({ ino, path }) => ino === undefined && path === undefined).length,
    }
  }
}

/** What was written, and what is missing from it, for people. */
export function writtenText(written: readonly WrittenTrace[], { source, lost, ignored }: Recording): string {
  const lines = written.map(({ file, mount, filesystem, reads, files, bytes: read, missing, unresolved }) => {
    if (mount === undefined) {
      const why =
        source === 'mincore'
          ? 'none of these files is in memory'
          : 'nothing was read from a disk; what was used was in memory already'
      return `${escapePath(file)}: ${why}.`
    }
    const gone = missing > 0 ? `, ${counted(missing, 'file')} deleted meanwhile` : ''
    const raw = unresolved > 0 ? `, ${counted(unresolved, 'read')} of the device without an owner` : ''
    const size = source === 'fanotify' ? '' : `, ${bytes(read)}`
    return `${escapePath(file)}: ${counted(reads, 'read')} of ${counted(files, 'file')}${size}, on ${escapePath(mount)} (${escapePath(filesystem ?? '')})${gone}${raw}`
  })
  const notOurs = ignored['not-ours'] ?? 0
  const tooMany = ignored['too-many'] ?? 0
  if (notOurs > 0)
    lines.push(`${counted(notOurs, 'file')} of other users were left out: the kernel tells about them only to root.`)
  if (tooMany > 0) lines.push(`${counted(tooMany, 'read')} were left out: the recording had become too long.`)
  if (source !== 'mincore')
    lines.push(lost > 0 ? `LOST: ${counted(lost, 'event')}; the trace is incomplete.` : 'No event was lost.')
  return lines.join('\n')
}
