/**
 * A boot trace: what was read, in time order. A trace knows nothing of disks;
 * reads that were seen only as blocks of the device (`kind: 'metadata'` without
 * an inode) are turned into owners by resolving the trace against a volume.
 */

export type ReadKind = 'data' | 'directory' | 'metadata'

/** Who reads, as far as it is known. */
export interface Reader {
  /** The program: its path, or where that is not known the name the kernel keeps of a task, 15 bytes at most. */
  readonly by?: string
  /** The systemd unit it belongs to: 'systemd-udevd.service'. */
  readonly unit?: string
}

export interface TraceRead extends Reader {
  /** Microseconds since the trace began; absent in plain lists. */
  readonly t?: number
  readonly ino?: number
  /** From the root of the filesystem, starting with '/'. */
  readonly path?: string
  /**
   * Bytes. Into the file for data and directory; into the device for metadata,
   * unless `what` is 'tree' or 'xattr', when it counts the inode's own tree blocks,
   * or 'inode', when it is 0.
   */
  readonly off: number
  /** Bytes; absent means to the end of the file. */
  readonly len?: number
  readonly kind: ReadKind
  /** What a resolved metadata read hit; 'inode': the inode itself was loaded, its contents or not. */
  readonly what?:
    'inode' | 'tree' | 'xattr' | 'symlink' | 'inode-table' | 'bitmap' | 'journal' | 'superblock' | 'unknown'
  /** Device in the form `major:minor`, where the source tells. */
  readonly dev?: string
  /** In a merged trace: how many of its boots read this. */
  readonly support?: number
  /** Fields of other writers survive a round trip. */
  readonly [extra: string]: unknown
}

export interface TraceHeader {
  readonly bootpack: 'trace'
  readonly version: 1
  /** Which recorder or format the reads came from: 'tracefs', 'list', 'e4rat', … */
  readonly source: string
  readonly kernel?: string
  /** Path the recorded paths start from, or the root device. */
  readonly root?: string
  /** ISO 8601 time of the recording. */
  readonly recorded?: string
  /** Events the recorder knows it lost. */
  readonly lost?: number
  /** What the importer understood and left out: reason -> count, such as `write`, `repeat`, `other-device`. */
  readonly ignored?: Readonly<Record<string, number>>
  readonly [extra: string]: unknown
}

export interface Trace {
  readonly header: TraceHeader
  readonly reads: readonly TraceRead[]
  /** Lines that could not be read: how many, and the first few with their numbers. */
  readonly bad: {
    readonly count: number
    readonly examples: readonly { readonly line: number; readonly text: string }[]
  }
}

export const traceHeader = (source: string, more: Partial<TraceHeader> = {}): TraceHeader => ({
  bootpack: 'trace',
  version: 1,
  source,
  ...more,
})
