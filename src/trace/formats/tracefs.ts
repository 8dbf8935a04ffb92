/**
 * The kernel's own trace as text: the file `trace` (or `trace_pipe`) of tracefs,
 * `trace-cmd report`, or `perf script`.
 *
 *     cat-87  [000] .....  2.068761: mm_filemap_add_to_page_cache: dev 254:0 ino 2bf2 pfn=0x30f98 ofs=4096 order=2
 *     cat-87  [000] .....  2.072668: block_rq_issue: 254,0 RA 4096 () 8 + 8 [cat]
 *
 * - A page that enters the cache is a read of 2^order pages at byte `ofs` of inode
 *   `ino`, which is hexadecimal. It fires for written pages and unused readahead too.
 * - What ext4 reads as metadata enters the cache of the block device itself. Those
 *   pages carry the device of the kernel's block device filesystem (`0:N`) and, as
 *   inode, the number of the block device, major << 20 | minor; `ofs` counts from
 *   the start of that device (a partition has its own).
 * - Inode 1 of an ext4 device is the allocator's buddy cache, which is no read.
 * - Which device is the root's is known only at the end, so reads carry theirs.
 * - On kernels with larger pages (16 and 64 KiB are common on arm64), offsets are
 *   multiples of those; found from the first few hundred single pages unless told, and
 *   taken for 4 KiB where there are too few to tell.
 *
 * - A probe on __ext4_iget tells which inodes are loaded, also those that are only
 *   looked at, which no other event does. Kernels have no such event; one that is told
 *   `kprobe_event=p:iget,__ext4_iget,dev=+16($arg1):x32,ino=$arg2:u64` on its command
 *   line writes lines like this one. `dev` is as above and may be missing.
 *
 *     cat-87  [000] .....  2.068700: iget: (__ext4_iget+0x0/0xe60) dev=0xfe00000 ino=11250
 *
 * - The task at the front is who reads. Its name may hold anything up to 15 bytes, so the
 *   rest of a line is read from the event's name on, which is longer than that. Events of
 *   tasks that start, run a program or join a cgroup tell which program and unit that is
 *   (task-table.ts).
 */
import { decimal, find, hexadecimal, scanned, seconds, skipSpaces, standsAt } from './scan.js'
import { placeOnPartition } from './partition.js'
import { Subject, type ReadCollector } from '../parse/read-collector.js'
import { LineFront } from './line-front.js'
import { TaskTable, tellsOfTasks } from './task-table.js'
import type { FormatOptions, LineParser, TraceFormat } from './format.js'
import type { Reader, TraceHeader } from '../model/trace.js'

const pageAdded = Buffer.from('mm_filemap_add_to_page_cache:')
const requestIssued = Buffer.from('block_rq_issue:')
const devField = Buffer.from('dev ')
const inoField = Buffer.from(' ino ')
const offsetField = Buffer.from(' ofs=')
const orderField = Buffer.from(' order=')

const inodeLoaded =
  /\d: +(?:\w+:)?iget: \((?:0x[\da-f]+ )?_*ext4_iget\b[^)]*\)(?: dev=0x([\da-f]{1,8}))? ino=(\d{1,10})$/
const anyEvent = /\d: +(?:[\w-]+:)?\w+:/
const lostEvents = /LOST (\d+) EVENTS|: (\d+) events lost/i
const buffered = /entries-in-buffer\/entries-written: (\d+)\/(\d+)/
/** What the shell recorder writes first (share/collect), because the kernel's text does not say it. */
const recorderLine = /^# bootpack recorded=(\S+) kernel=(\S+)$/
const eventLine = /\[\d{3,}\] .*\d: +(?:\w+:)?(?:mm_filemap|block)_\w+: /

/** Order of the largest folio there is, generously. */
const largestOrder = 20
const mostSubjects = 1 << 18
/** Pages in a row that show how large they are. */
const neighbours = 3
/** Bytes; what an event says of a path of 4,096 fits. */
const longestLine = 8192

/** A page or a folio as the kernel told of it, kept while the page size is unknown. */
interface HeldPage {
  readonly subject: Subject
  readonly reader: Reader | undefined
  readonly t: number
  readonly off: number
  readonly order: number
}

class TracefsParser implements LineParser {
  private pageSize: number | undefined
  private held: HeldPage[] = []
  private offsetBits = 0
  private singlePages = 0
  /** How often a page of a file came so many bytes after the one before it. */
  private readonly steps = new Map<number, number>()
  private column = 0
  private lost = 0
  private told: Partial<TraceHeader> = {}
  /** Inodes that were loaded, by device and number. */
  private readonly loaded = new Set<string>()
  private readonly subjects = new Map<string, Map<number, Subject>>()
  // The file of the line before: most pages come in rows.
  private lastMajor = -1
  private lastMinor = -1
  private lastInode = -1
  private lastSubject: Subject | undefined
  private readonly front = new LineFront()
  private readonly tasks: TaskTable
  private readonly wanted: Buffer
  private readonly other: Buffer

  private readonly out: ReadCollector
  private readonly options: FormatOptions

  constructor(out: ReadCollector, options: FormatOptions) {
    this.out = out
    this.options = options
    this.pageSize = options.pageSize
    this.tasks = new TaskTable(options.tasks)
    this.wanted = options.requests ? requestIssued : pageAdded
    this.other = options.requests ? pageAdded : requestIssued
  }

  line(bytes: Buffer, start: number, end: number): boolean {
    // The event's name stands in the same column on nearly all lines.
    let at = start + this.column
    if (bytes[at - 1] !== 32 || !standsAt(bytes, at, end, this.wanted)) {
      at = find(bytes, start, end, this.wanted)
      if (at < 0) return this.otherLine(bytes, start, end)
      this.column = at - start
    }
    if (!this.front.isSame(bytes, start, at)) this.out.reader = this.readerOf(bytes, start, at)
    const t = timeBefore(bytes, start, at)
    const from = skipSpaces(bytes, at + this.wanted.length, end)
    return this.options.requests ? this.request(bytes, from, end, t) : this.page(bytes, from, end, t)
  }

  end(): void {
    this.settlePageSize()
  }

  private readerOf(bytes: Buffer, start: number, end: number): Reader | undefined {
    const { front } = this
    return front.read(bytes, start, end) ? this.tasks.reader(front.task, front.name, front.leader) : undefined
  }

  header(): Partial<TraceHeader> {
    return { ...this.told, ...(this.lost > 0 ? { lost: this.lost } : {}) }
  }

  private page(bytes: Buffer, start: number, end: number, t: number): boolean {
    if (!standsAt(bytes, start, end, devField) || !decimal(bytes, start + 4, end) || bytes[scanned.end] !== 58)
      return false
    const major = scanned.value
    if (!decimal(bytes, scanned.end + 1, end)) return false
    const minor = scanned.value
    if (!standsAt(bytes, scanned.end, end, inoField) || !hexadecimal(bytes, scanned.end + 5, end)) return false
    const inode = scanned.value
    const field = find(bytes, scanned.end, end, offsetField)
    if (field < 0 || !decimal(bytes, field + 5, end)) return false
    const off = scanned.value
    let order = 0
    if (standsAt(bytes, scanned.end, end, orderField)) {
      if (!decimal(bytes, scanned.end + 7, end)) return false
      order = scanned.value
    }
    if (scanned.end !== end || order > largestOrder) return false

    if (inode !== this.lastInode || minor !== this.lastMinor || major !== this.lastMajor) {
      const subject = this.subject(major, minor, inode)
      if (!subject) return true
      this.lastSubject = subject
      this.lastInode = inode
      this.lastMinor = minor
      this.lastMajor = major
    }
    const subject = this.lastSubject!
    if (this.pageSize === undefined) this.hold(subject, t, off, order)
    else this.out.range(subject, t, off, this.pageSize * 2 ** order)
    return true
  }

  private inode(dev: string | undefined, ino: number, t: number, reader: Reader | undefined): boolean {
    const number = dev === undefined ? undefined : Number.parseInt(dev, 16)
    const device = number === undefined ? undefined : `${Math.floor(number / 2 ** 20)}:${number % 2 ** 20}`
    const key = `${device} ${ino}`
    if (!this.out.wants(device)) this.out.drop('other-device')
    else if (this.options.requests || this.loaded.has(key) || this.loaded.size >= mostSubjects) this.out.drop('repeat')
    else {
      this.loaded.add(key)
      this.out.pass({
        ...(Number.isNaN(t) ? {} : { t }),
        ino,
        off: 0,
        len: 1,
        kind: 'metadata',
        what: 'inode',
        ...(device !== undefined && { dev: device }),
        ...reader,
      })
    }
    return true
  }

  private request(bytes: Buffer, start: number, end: number, t: number): boolean {
    if (!decimal(bytes, start, end) || bytes[scanned.end] !== 44) return false
    const major = scanned.value
    if (!decimal(bytes, scanned.end + 1, end) || bytes[scanned.end] !== 32) return false
    const minor = scanned.value
    let at = scanned.end + 1
    // 'F' before the operation is a flush that goes with it.
    if (bytes[at] === 70 && bytes[at + 1] !== 32) at++
    const isRead = bytes[at] === 82
    const closing = bytes.indexOf(41, at)
    if (closing < 0 || closing >= end || !decimal(bytes, skipSpaces(bytes, closing + 1, end), end)) return false
    const sector = scanned.value
    if (bytes[scanned.end + 1] !== 43 || !decimal(bytes, scanned.end + 3, end)) return false
    const sectors = scanned.value
    // No device takes a request of a GiB.
    if (sectors > 2 ** 21) return false
    if (!isRead || sectors === 0) {
      this.out.drop(isRead ? 'empty' : 'not-a-read')
      return true
    }
    const subject = this.deviceSubject(major, minor)
    const place = placeOnPartition(sector * 512, sectors * 512, this.options)
    if (place && subject) this.out.range(subject, t, place.off, place.len)
    else this.out.drop('outside-partition')
    return true
  }

  private subject(major: number, minor: number, inode: number): Subject | undefined {
    if (major === 0 && inode >= 2 ** 20 && inode < 2 ** 32)
      return this.deviceSubject(Math.floor(inode / 2 ** 20), inode % 2 ** 20)
    if (inode <= 1) {
      this.out.drop(inode === 1 ? 'buddy-cache' : 'no-inode')
      return undefined
    }
    const dev = `${major}:${minor}`
    return this.remembered(dev, inode, (space) => new Subject(space, inode, 'data', inode, undefined, dev))
  }

  /** A block device; its own bytes are told apart from its inodes by the inode number 0. */
  private deviceSubject(major: number, minor: number): Subject | undefined {
    const dev = `${major}:${minor}`
    return this.remembered(dev, 0, (space) => new Subject(space, 0, 'metadata', undefined, undefined, dev))
  }

  private remembered(dev: string, inode: number, make: (space: number) => Subject): Subject | undefined {
    let ofDevice = this.subjects.get(dev)
    if (!ofDevice) {
      if (this.out.space(dev) === undefined) {
        this.out.drop('other-device')
        return undefined
      }
      this.subjects.set(dev, (ofDevice = new Map()))
    }
    let subject = ofDevice.get(inode)
    if (!subject) {
      // The subject is remade from the same numbers, so nothing is forgotten but the object.
      if (ofDevice.size >= mostSubjects) ofDevice.clear()
      ofDevice.set(inode, (subject = make(this.out.space(dev)!)))
    }
    return subject
  }

  private hold(subject: Subject, t: number, off: number, order: number): void {
    const before = this.held.at(-1)
    this.held.push({ subject, reader: this.out.reader, t, off, order })
    if (order === 0 && off > 0) {
      const step = before?.subject === subject && before.order === 0 ? off - before.off : 0
      this.steps.set(step, (this.steps.get(step) ?? 0) + 1)
      this.offsetBits |= off % 65536
      this.singlePages++
    }
    if ((this.offsetBits & 0x1fff) !== 0 || this.singlePages >= 256 || this.held.length >= 8192) this.settlePageSize()
  }

  private settlePageSize(): void {
    if (this.pageSize === undefined) {
      // The lowest bit any single page's offset had; none below 64 KiB means 64 KiB.
      const lowest = this.offsetBits === 0 ? 65536 : this.offsetBits & -this.offsetBits
      // Pages that far apart, one behind the other, are neighbours: what is read ahead leaves none out.
      const enough = this.singlePages >= 16 || (this.steps.get(lowest) ?? 0) >= neighbours
      this.pageSize = enough && lowest >= 4096 ? lowest : 4096
    }
    const { held, pageSize, out } = this
    this.held = []
    const now = out.reader
    for (const { subject, reader, t, off, order } of held) {
      out.reader = reader
      out.range(subject, t, off, pageSize * 2 ** order)
    }
    out.reader = now
  }

  /** Of a line that leaves what is known of the last page's line as it is. */
  private otherReader(bytes: Buffer, start: number, end: number): Reader | undefined {
    const reader = this.readerOf(bytes, start, end)
    this.front.forget()
    return reader
  }

  /** Comments, notes of lost events, and events that are not asked for. */
  private otherLine(bytes: Buffer, start: number, end: number): boolean {
    if (start === end) return true
    if (find(bytes, start, end, this.other) >= 0) {
      this.out.drop(this.options.requests ? 'page' : 'request')
      return true
    }
    const text = bytes.toString('latin1', start, Math.min(end, start + longestLine))
    if (text.startsWith('#')) {
      const counts = buffered.exec(text)
      if (counts) this.lost += Math.max(0, Number(counts[2]) - Number(counts[1]))
      const [, recorded, kernel] = recorderLine.exec(text) ?? []
      if (recorded !== undefined && kernel !== undefined) this.told = { recorded, kernel }
      return true
    }
    const gap = lostEvents.exec(text)
    if (gap) {
      this.lost += Number(gap[1] ?? gap[2])
      return true
    }
    if (/^(?:cpus=\d+|version = \d+)$/.test(text)) return true
    const load = inodeLoaded.exec(text)
    if (load) {
      const at = start + text.lastIndexOf('iget: (')
      return this.inode(load[1], Number(load[2]), timeBefore(bytes, start, at), this.otherReader(bytes, start, end))
    }
    if (tellsOfTasks(text)) {
      const task = this.front.read(bytes, start, end) ? this.front.task : undefined
      this.front.forget()
      if (this.tasks.take(task, text)) return true
    }
    if (!anyEvent.test(text)) return false
    this.out.drop('other-event')
    return true
  }
}

/** `2.068761: ` or, from perf, `2.068761: filemap:` before the event's name, as microseconds; NaN for other clocks. */
function timeBefore(bytes: Buffer, start: number, name: number): number {
  let at = name - 1
  if (bytes[at] === 58) {
    while (at > start && bytes[at] !== 32) at--
  }
  while (at > start && bytes[at] === 32) at--
  if (bytes[at] !== 58) return NaN
  let digit = at - 1
  while (digit > start && (bytes[digit] === 46 || (bytes[digit]! >= 48 && bytes[digit]! <= 57))) digit--
  return seconds(bytes, digit + 1, at) ? scanned.value : NaN
}

export const tracefs: TraceFormat = {
  name: 'tracefs',
  title: "the kernel's trace file as text",
  recognises: (line) => line.startsWith('# tracer: ') || eventLine.test(line),
  parser: (out, options) => new TracefsParser(out, options),
}
