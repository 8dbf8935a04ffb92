/** What a recorder hands on: reads of all filesystems at once, not yet named. */
import type { TraceRead } from '../trace/model/trace.js'
import { mountsByDevice, type Mount } from './mounts.js'

export interface Recording {
  /** The recorder: 'tracefs', 'fanotify', 'mincore'. */
  readonly source: string
  /** In time order, each with its `dev`. */
  readonly reads: readonly TraceRead[]
  /** Events that are known to be lost; of fanotify: how often its queue overflowed. */
  readonly lost: number
  /** Understood and left out: reason -> count. */
  readonly ignored: Readonly<Record<string, number>>
}

export interface FilesystemReads {
  readonly mount: Mount
  /** Without `dev`. */
  readonly reads: readonly TraceRead[]
}

export interface SplitRecording {
  /** The one with most file data first. */
  readonly filesystems: readonly FilesystemReads[]
  /** Reads of devices that are not mounted here, or that were not asked for. */
  readonly others: number
}

/**
 * Gives each mounted filesystem its reads.
 * @param only devices to keep; all that are mounted when left out
 */
export function splitByFilesystem(
  reads: readonly TraceRead[],
  mounts: readonly Mount[],
  only?: ReadonlySet<string>,
): SplitRecording {
  const known = mountsByDevice(mounts)
  const found = new Map<string, { mount: Mount; reads: TraceRead[]; data: number }>()
  let others = 0
  for (const { dev, ...read } of reads) {
    const mount = dev === undefined || (only && !only.has(dev)) ? undefined : known.get(dev)
    if (!mount) {
      others++
      continue
    }
    let filesystem = found.get(mount.device)
    if (!filesystem) found.set(mount.device, (filesystem = { mount, reads: [], data: 0 }))
    filesystem.reads.push(read as TraceRead)
    if (read.kind === 'data') filesystem.data += read.len ?? 1
  }
  const filesystems = [...found.values()].sort((a, b) => b.data - a.data || b.reads.length - a.reads.length)
  return { filesystems: filesystems.map(({ mount, reads: own }) => ({ mount, reads: own })), others }
}
