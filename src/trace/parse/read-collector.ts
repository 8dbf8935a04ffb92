/**
 * Where importers drop what they see. It leaves out bytes that were seen before,
 * joins a read with the one before it when it continues it (the time of the first
 * stays) and the same program does it, and counts what is left out by reason.
 *
 * Memory: the reads since the last `take`, one pending read, the table of seen
 * pages (bounded) and the names of files (bounded: past a million, or 64 MiB of
 * them, they are forgotten, after which a file may come through once more).
 */
import { mostSpaces, SeenPages } from './seen-pages.js'
import type { Reader, ReadKind, TraceRead } from '../model/trace.js'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** What a read is about: a file by inode or name, or a device. */
export class Subject {
  /** Bytes from here to the end of the file were reported. */
  openFrom = Infinity

  readonly space: number
  readonly id: number
  readonly kind: ReadKind
  readonly ino: number | undefined
  readonly path: string | undefined
  readonly dev: string | undefined

  constructor(
    space: number,
    id: number,
    kind: ReadKind,
    ino: number | undefined,
    path: string | undefined,
    dev: string | undefined,
  ) {
    this.space = space
    this.id = id
    this.kind = kind
    this.ino = ino
    this.path = path
    this.dev = dev
  }
}

export interface CollectorOptions {
  /** Bytes of the smallest piece a read can have; ranges are widened to whole pieces. */
  readonly grain?: number
  /** Keep bytes that were read before, and ranges exactly as they are. */
  readonly repeats?: boolean
  /** Only this device (`major:minor`); reads without one are kept. */
  readonly device?: string
}

/** Reads longer than this have no sensible length: they count as reads to the end of the file. */
const longestRange = 2 ** 30
const mostNames = 1_000_000
const mostNameCharacters = 2 ** 26
const nameSpace = 0

export interface DeviceReads {
  reads: number
  /** Bytes of files. */
  data: number
  /** Bytes of the device itself. */
  other: number
}

export class ReadCollector {
  /** What was understood and left out. */
  readonly ignored: Record<string, number> = {}
  /** What was reported per device, where the source tells devices apart; open-ended reads count as one grain. */
  readonly devices = new Map<string, DeviceReads>()

  /** Who does the reading that is told of next. */
  reader: Reader | undefined

  private reads: TraceRead[] = []
  private readonly seen = new SeenPages()
  private readonly grain: number
  private readonly repeats: boolean
  private readonly device: string | undefined
  private readonly spaces = new Map<string, number>()
  private names = new Map<string, Subject>()
  private nameCharacters = 0
  private nextName = 1
  private repeated = 0

  private pending: Subject | undefined
  private pendingReader: Reader | undefined
  private pendingTime = NaN
  private pendingStart = 0
  private pendingEnd = 0

  constructor(options: CollectorOptions = {}) {
    this.grain = options.grain ?? 4096
    this.repeats = options.repeats ?? false
    this.device = options.device
  }

  /** The reads completed since the last call. */
  take(): TraceRead[] {
    const reads = this.reads
    if (reads.length > 0) this.reads = []
    return reads
  }

  /** Completes the pending read. */
  end(): void {
    this.flush()
    if (this.repeated > 0) this.ignored['repeat'] = this.repeated
  }

  drop(reason: string, count = 1): void {
    this.ignored[reason] = (this.ignored[reason] ?? 0) + count
  }

  /** A read that needs no treatment. */
  pass(read: TraceRead): void {
    this.reads.push(read)
  }

  /** Whether reads of a device are asked for; those of an unknown one are. */
  wants(device: string | undefined): boolean {
    return this.device === undefined || device === undefined || device === this.device
  }

  /** The number space of a device's inodes; undefined past 4,095 devices. */
  space(device: string): number | undefined {
    let space = this.spaces.get(device)
    if (space === undefined) {
      space = this.spaces.size + 1
      if (space >= mostSpaces) return undefined
      this.spaces.set(device, space)
    }
    return space
  }

  /** The subject of a name, the same object for the same name. */
  named(path: string, ino?: number, dev?: string, kind: ReadKind = 'data'): Subject {
    let key = path
    // A path has no NUL, so nothing can be mistaken for another.
    if (ino !== undefined || dev !== undefined || kind !== 'data') key = `${path}\0${ino ?? ''}\0${dev ?? ''}\0${kind}`
    let subject = this.names.get(key)
    if (!subject) {
      this.nameCharacters += key.length
      if (this.names.size >= mostNames || this.nameCharacters > mostNameCharacters) {
        this.names.clear()
        this.nameCharacters = key.length
      }
      subject = new Subject(nameSpace, this.nextName++, kind, ino, path === '' ? undefined : path, dev)
      this.names.set(key, subject)
    }
    return subject
  }

  /**
   * @param t   microseconds, NaN where unknown
   * @param off bytes
   * @param len bytes; above a GiB it means to the end
   */
  range(subject: Subject, t: number, off: number, len: number): void {
    if (!this.wants(subject.dev)) return this.drop('other-device')
    if (len > longestRange) return this.from(subject, t, off)
    if (this.repeats) return this.run(subject, t, off, off + len)
    if (off >= subject.openFrom) {
      this.repeated++
      return
    }
    const { grain, seen } = this
    let page = Math.floor(off / grain)
    const end = Math.ceil((off + len) / grain)
    let fresh = false
    while (seen.claim(subject.space, subject.id, page, end)) {
      fresh = true
      page = seen.runEnd
      this.run(subject, t, seen.runStart * grain, page * grain)
    }
    if (!fresh) this.repeated++
  }

  /** The whole file. */
  whole(subject: Subject, t: number): void {
    this.from(subject, t, 0)
  }

  /** From `off` to the end of the file. */
  from(subject: Subject, t: number, off: number): void {
    if (!this.wants(subject.dev)) return this.drop('other-device')
    if (!this.repeats && off >= subject.openFrom) {
      this.repeated++
      return
    }
    subject.openFrom = Math.min(subject.openFrom, off)
    this.run(subject, t, off, Infinity)
  }

  private run(subject: Subject, t: number, from: number, to: number): void {
    if (subject === this.pending && from === this.pendingEnd && this.reader === this.pendingReader) {
      this.pendingEnd = to
      return
    }
    this.flush()
    this.pending = subject
    this.pendingReader = this.reader
    this.pendingTime = t
    this.pendingStart = from
    this.pendingEnd = to
  }

  private flush(): void {
    const subject = this.pending
    if (!subject) return
    // Keys in the order the format documents them, so that files compare well.
    const read = {} as Writable<TraceRead>
    if (!Number.isNaN(this.pendingTime)) read.t = this.pendingTime
    if (subject.ino !== undefined) read.ino = subject.ino
    if (subject.path !== undefined) read.path = subject.path
    read.off = this.pendingStart
    const length = this.pendingEnd - this.pendingStart
    if (length !== Infinity) read.len = length
    read.kind = subject.kind
    if (subject.dev !== undefined) {
      read.dev = subject.dev
      this.countDevice(subject.dev, subject.kind, length === Infinity ? this.grain : length)
    }
    const reader = this.pendingReader
    if (reader) {
      if (reader.by !== undefined) read.by = reader.by
      if (reader.unit !== undefined) read.unit = reader.unit
    }
    this.reads.push(read)
    this.pending = undefined
  }

  private countDevice(dev: string, kind: ReadKind, bytes: number): void {
    let sums = this.devices.get(dev)
    if (!sums) {
      if (this.devices.size >= mostSpaces) return
      this.devices.set(dev, (sums = { reads: 0, data: 0, other: 0 }))
    }
    sums.reads++
    if (kind === 'data') sums.data += bytes
    else sums.other += bytes
  }
}
