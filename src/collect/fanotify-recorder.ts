/**
 * Reads as fanotify tells of them: which file and when, not which bytes. A file that
 * was opened or read counts as read to its end. Events carry no time, so they get the
 * time they were taken at.
 */
import { closeSync, fstatSync, readlinkSync, statSync, type BigIntStats } from 'node:fs'
import { decodeName } from '../bytes/file-name.js'
import { markAccess, openFanotify, readAccessEvents, type AccessEvent } from '../kernel/fanotify.js'
import { ReadCollector } from '../trace/parse/read-collector.js'
import type { Reader, TraceRead } from '../trace/model/trace.js'
import { readerOf } from './known-tasks.js'
import { pathOnFilesystem, type Mount } from './mounts.js'
import type { Recording } from './recording.js'

/** After that many files they are forgotten, and one may come through once more. */
const mostNames = 200_000

const deleted = Buffer.from(' (deleted)')

export class FanotifyRecorder {
  private readonly fd = openFanotify()
  private readonly out = new ReadCollector()
  /** By the number stat(2) gives, which is not the kernel's own on every filesystem. */
  private readonly mounts = new Map<bigint, Mount>()
  private readonly reads: TraceRead[] = []
  /** The name a file was first seen by; it may be renamed while events of it wait. */
  private readonly names = new Map<string, string>()
  private readonly readers = new Map<number, Reader>()
  private readonly looked = new Set<number>()
  private readonly begun = process.hrtime.bigint()
  private lost = 0
  private open = true

  /**
   * Listens from here on.
   * @param mounts one of each filesystem
   * @throws refused, unsupported; KernelError
   */
  constructor(mounts: readonly Mount[]) {
    try {
      for (const mount of mounts) {
        this.mounts.set(statSync(mount.mountPoint, { bigint: true }).dev, mount)
        markAccess(this.fd, mount.mountPoint)
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Takes what has happened since. */
  drain(): void {
    const t = Number((process.hrtime.bigint() - this.begun) / 1000n)
    this.looked.clear()
    this.lost += readAccessEvents(this.fd, (event) => this.take(event, t))
    for (const read of this.out.take()) this.reads.push(read)
  }

  /** What was recorded. Call once, after the last `drain`. */
  finish(): Recording {
    this.close()
    this.out.end()
    return {
      source: 'fanotify',
      reads: [...this.reads, ...this.out.take()],
      lost: this.lost,
      ignored: { ...this.out.ignored },
    }
  }

  close(): void {
    if (this.open) closeSync(this.fd)
    this.open = false
  }

  private take({ fd, pid, read }: AccessEvent, t: number): void {
    if (pid === process.pid) return this.out.drop('own')
    let stats: BigIntStats
    try {
      stats = fstatSync(fd, { bigint: true })
    } catch {
      return this.out.drop('unreadable')
    }
    const directory = stats.isDirectory()
    // Opening a folder reads nothing; listing it does.
    if (directory && !read) return
    const mount = this.mounts.get(stats.dev)
    if (!mount) return this.out.drop('other-device')
    if (!directory && !stats.isFile()) return this.out.drop('not-a-file')
    if (stats.size === 0n) return this.out.drop('empty')
    const ino = Number(stats.ino)
    this.out.reader = this.readerOf(pid)
    this.out.whole(this.out.named(this.nameOf(fd, ino, mount), ino, mount.device, directory ? 'directory' : 'data'), t)
  }

  /** Looked at once in a drain, since it may run another program by the next; of one that is gone, what was known last. */
  private readerOf(pid: number): Reader | undefined {
    if (this.looked.has(pid)) return this.readers.get(pid)
    this.looked.add(pid)
    const now = readerOf(pid)
    const known = this.readers.get(pid)
    if (!now || (now.by === known?.by && now.unit === known?.unit)) return known
    if (this.readers.size >= mostNames) this.readers.clear()
    this.readers.set(pid, now)
    return now
  }

  private nameOf(fd: number, ino: number, mount: Mount): string {
    const key = `${mount.device} ${ino}`
    let name = this.names.get(key)
    if (name === undefined) {
      if (this.names.size >= mostNames) this.names.clear()
      this.names.set(key, (name = pathOf(fd, mount)))
    }
    return name
  }
}

/** The name it was opened by; empty when it has none any more or came by another mount. */
function pathOf(fd: number, mount: Mount): string {
  let path: Buffer
  try {
    path = readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' })
  } catch {
    return ''
  }
  if (path.subarray(-deleted.length).equals(deleted)) return ''
  return pathOnFilesystem(decodeName(path), mount) ?? ''
}
