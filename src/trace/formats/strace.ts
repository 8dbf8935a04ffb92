/**
 * `strace -f -tt` (also without `-f`; with `-t`, `-ttt`, `-r`, `-T`, `-y`, `-o`).
 *
 * strace tells of calls, so names and positions are followed from call to call:
 * open gives a descriptor a name, read moves its position, fork hands it down. What
 * counts as a read: read and its kin, sendfile, readahead; mmap of a file (the whole
 * mapped range, though only touched pages are read); exec (the whole program);
 * getdents (the directory). Opening alone reads nothing.
 *
 * A call during which another process ran is printed in two halves:
 *
 *     9977  10:03:10.470066 vfork( <unfinished ...>
 *     9978  10:03:10.470156 execve("/usr/bin/cat", ...) = 0
 *     9977  10:03:10.470272 <... vfork resumed>) = 9978
 *
 * On a terminal `strace: Process 9978 attached` may stand in the middle of a call,
 * which goes on in the next line. They are joined; the time is that of the first. A child may speak before its
 * parent's half says who it is, and is then taken for the child of the latest
 * unfinished fork. While there is one process only, its id is not printed: until a
 * second appears it is known as 0.
 *
 * Not seen by strace: the program interpreter (ld.so) and `#!` interpreters the kernel
 * loads, io_uring, descriptors that came through a socket. Names are as the program
 * wrote them, symlinks and all, unless -y told the real one.
 */
import { parseCall, parseDescriptor, parseString, type StraceCall } from './strace-call.js'
import { PathPlacer } from './path-text.js'
import { Processes, type OpenFile, type Process } from './open-files.js'
import { decimal, scanned, skipSpaces, standsAt } from './scan.js'
import { WallClock } from './wall-clock.js'
import type { ReadCollector } from '../parse/read-collector.js'
import type { FormatOptions, LineParser, TraceFormat } from './format.js'

// What stands before a call: process id, then a time in one of four shapes.
const front = /^(?:\[pid +\d+\] |\d+ +)? *(?:\d\d:\d\d:\d\d(?:\.\d+)? |\d+\.\d+ )?/
const resumed = /^<\.\.\. (\w+) resumed>/
const unfinished = ' <unfinished ...>'
const attached = /strace: Process (\d+) attached$/
const forks = /^(?:v?fork|clone3?)$/
const looksLikeStrace = /^(?:[a-z_][a-z0-9_]*\(.*(?: = |<unfinished \.\.\.>$)|<\.\.\. \w+ resumed>|\+\+\+ |--- SIG)/s

/** Halves longer than this are not kept: what is joined is names and numbers. */
const longestHalf = 16_384
const mostHalves = 4096

interface Half {
  readonly name: string
  readonly text: string
  readonly t: number
}

const isNameByte = (byte: number): boolean => (byte >= 97 && byte <= 122) || byte === 95 || (byte >= 48 && byte <= 57)

/** Whether the line ends as `strace: Process 9978 attached` does; the cheap look comes first. */
const endsAttached = (bytes: Buffer, start: number, end: number): boolean =>
  bytes[end - 1] === 100 &&
  standsAt(bytes, end - attachedEnd.length, end, attachedEnd) &&
  end - attachedEnd.length >= start

const attachedEnd = Buffer.from(' attached')

type Handler = (call: StraceCall, process: Process, pid: number, t: number) => void

class StraceParser implements LineParser {
  private readonly processes: Processes
  private readonly halves = new Map<number, Half>()
  private readonly children = new Set<number>()
  /** Processes in the middle of a fork, the latest last; some may be through. */
  private forking: number[] = []
  /** The beginning of a line that strace broke off to say something. */
  private torn: string | undefined
  private readonly placer: PathPlacer
  private readonly clock = new WallClock()
  private readonly handlers: ReadonlyMap<string, Handler>

  private readonly out: ReadCollector

  constructor(out: ReadCollector, options: FormatOptions) {
    this.out = out
    this.placer = new PathPlacer({ root: options.root ?? '/' }, true)
    this.processes = new Processes(options.workingDirectory)
    this.handlers = new Map(Object.entries(this.calls()))
  }

  line(bytes: Buffer, start: number, end: number): boolean {
    if (start === end) return true
    if (this.torn !== undefined || endsAttached(bytes, start, end))
      return this.tornLine(bytes.toString('latin1', start, end))
    return this.wholeLine(bytes, start, end)
  }

  /** Most calls are of no interest; they are known by their name, before anything is made of the line. */
  private wholeLine(bytes: Buffer, start: number, end: number): boolean {
    const pid = this.pidAt(bytes, start, end)
    const t = this.clock.read(bytes, skipSpaces(bytes, scanned.end, end), end)
    const body = skipSpaces(bytes, scanned.end, end)
    let at = body
    while (at < end && isNameByte(bytes[at]!)) at++
    if (at > body && bytes[at] === 40) {
      const name = bytes.toString('latin1', body, at)
      if (!this.handlers.has(name)) return true
      // strace writes ASCII; what is not is data that was read or written.
      const rest = bytes.toString('latin1', at, end)
      if (!rest.endsWith(unfinished)) return this.perform(name, rest, pid, t)
      this.keepHalf(pid, { name, text: rest.slice(0, -unfinished.length), t })
      return true
    }
    const text = bytes.toString('latin1', body, end)
    const second = resumed.exec(text)
    if (!second) return this.remark(text, pid)
    const name = second[1]!
    return !this.handlers.has(name) || this.join(name, text.slice(second[0].length), pid)
  }

  /** `[pid  123] ` or `123  ` at the front; leaves `scanned.end` after it. */
  private pidAt(bytes: Buffer, start: number, end: number): number {
    const bracket = bytes[start] === 91
    const digits = bracket ? skipSpaces(bytes, start + 4, end) : start
    if (decimal(bytes, digits, end) && bytes[scanned.end] === (bracket ? 93 : 32)) {
      scanned.end++
      return scanned.value
    }
    scanned.end = start
    return this.processes.alone() ?? 0
  }

  /** A line that strace broke off to say that it follows another process, and the line after it. */
  private tornLine(text: string): boolean {
    const line = (this.torn ?? '') + text
    this.torn = undefined
    const note = attached.exec(line)
    if (!note) {
      const bytes = Buffer.from(line, 'latin1')
      return this.wholeLine(bytes, 0, bytes.length)
    }
    if (this.children.size < mostHalves) this.children.add(Number(note[1]))
    if (note.index > 0 && note.index < longestHalf) this.torn = line.slice(0, note.index)
    return true
  }

  /** Lines that are no call. */
  private remark(body: string, pid: number): boolean {
    if (body.startsWith('+++ ')) {
      this.processes.delete(pid)
      this.halves.delete(pid)
      return true
    }
    if (body.startsWith('--- ')) return true
    return body.startsWith('strace: ') || body.startsWith('???')
  }

  private keepHalf(pid: number, half: Half): void {
    if (half.text.length > longestHalf || this.halves.size >= mostHalves) return
    this.processOf(pid)
    this.halves.set(pid, half)
    if (!forks.test(half.name)) return
    if (this.forking.length >= 2 * mostHalves) this.forking = this.forking.filter((id) => this.isForking(id))
    this.forking.push(pid)
  }

  private join(name: string, rest: string, pid: number): boolean {
    let half = this.halves.get(pid)
    if (half?.name !== name && pid !== 0 && this.halves.get(0)?.name === name && !this.children.has(pid)) {
      // The first process prints its id only once there are others.
      half = this.halves.get(0)
      this.halves.delete(0)
      this.processes.rename(0, pid)
    }
    this.halves.delete(pid)
    if (half?.name !== name) {
      // Its beginning was before the recording's.
      this.out.drop('half-call')
      return true
    }
    return this.perform(name, half.text + rest, pid, half.t)
  }

  private perform(name: string, text: string, pid: number, t: number): boolean {
    const parsed = parseCall(text)
    if (!parsed) return false
    if (Number.isNaN(parsed.result) || parsed.result === -1) {
      if (!Number.isNaN(parsed.result)) this.out.drop('failed')
      return true
    }
    this.handlers.get(name)!(parsed, this.processOf(pid), pid, t)
    return true
  }

  private processOf(pid: number): Process {
    if (!this.processes.has(pid) && pid !== 0) {
      const parent = this.latestFork()
      if (parent) {
        this.fork(parent.pid, pid, parent.half.text)
      } else if (!this.children.has(pid) && this.processes.has(0)) {
        this.processes.rename(0, pid)
      }
    }
    return this.processes.get(pid)
  }

  private latestFork(): { pid: number; half: Half } | undefined {
    for (let pid = this.forking.at(-1); pid !== undefined; pid = this.forking.at(-1)) {
      if (this.isForking(pid)) return { pid, half: this.halves.get(pid)! }
      this.forking.pop()
    }
    return undefined
  }

  private isForking(pid: number): boolean {
    const half = this.halves.get(pid)
    return half !== undefined && forks.test(half.name)
  }

  private fork(parent: number, child: number, text: string): void {
    const from = this.processes.get(parent)
    this.processes.set(child, from.child(text.includes('CLONE_FILES'), text.includes('CLONE_FS')))
  }

  /** A file's name below the traced root; undefined when it is elsewhere, which is counted. */
  private placed(path: string | undefined): string | undefined {
    if (path === undefined) {
      this.out.drop('unknown-file')
      return undefined
    }
    const placed = this.placer.place(path)
    if (placed && 'path' in placed) return placed.path
    this.out.drop(placed?.dropped ?? 'unknown-file')
    return undefined
  }

  private range(file: OpenFile | undefined, shown: string | undefined, t: number, off: number, len: number): void {
    if (!(len > 0) || !(off >= 0) || !Number.isSafeInteger(off)) return
    const path = this.placed(shown ?? file?.path)
    if (path !== undefined) this.out.range(this.out.named(path), t, off, len)
  }

  private calls(): Record<string, Handler> {
    const { out } = this

    const base = (process: Process, at: string | undefined): string | undefined => {
      const { number, path } = parseDescriptor(at)
      return path ?? (at?.startsWith('AT_FDCWD') ? process.workingDirectory : process.file(number)?.path)
    }

    const open = (
      process: Process,
      at: string | undefined,
      nameArg: string | undefined,
      flags: string,
      result: StraceCall,
    ): void => {
      const name = parseString(nameArg)
      const path = result.resultPath ?? (name === undefined ? undefined : process.resolve(name, base(process, at)))
      const readable = !/O_WRONLY|O_PATH/.test(flags)
      process.open(result.result, { path, readable, position: 0 }, flags.includes('O_CLOEXEC'))
    }

    const exec = (process: Process, at: string, nameArg: string | undefined, t: number): void => {
      const name = parseString(nameArg)
      const path = this.placed(name === undefined ? undefined : process.resolve(name, base(process, at)))
      if (path !== undefined) out.whole(out.named(path), t)
      process.exec()
    }

    const read: Handler = ({ args, result }, process, _pid, t) => {
      const { number, path } = parseDescriptor(args[0])
      const file = process.file(number)
      if (file && !file.readable) return
      this.range(file, path, t, file?.position ?? 0, result)
      if (file) file.position += result
    }

    const readAt =
      (offset: number): Handler =>
      ({ args, result }, process, _pid, t) => {
        const { number, path } = parseDescriptor(args[0])
        this.range(process.file(number), path, t, Number(args[offset]), result)
      }

    const copy =
      (from: number, offset: number): Handler =>
      ({ args, result }, process, _pid, t) => {
        const { number, path } = parseDescriptor(args[from])
        const file = process.file(number)
        const given = /^\[(\d+)/.exec(args[offset] ?? '')
        this.range(file, path, t, given ? Number(given[1]) : (file?.position ?? 0), result)
        if (file && !given) file.position += result
      }

    const fork: Handler = ({ args, result }, _process, pid) => {
      if (result > 0 && !this.processes.has(result)) this.fork(pid, result, args.join())
    }

    /** Calls that return a descriptor which is no file: the number no longer means what it did. */
    const other: Handler = ({ result }, process) => process.close(result)
    const pair: Handler = ({ args }, process) => {
      for (const arg of args) {
        if (arg.startsWith('[')) for (const part of arg.slice(1).split(',')) process.close(Number.parseInt(part, 10))
      }
    }

    const directory: Handler = ({ args, result }, process, _pid, t) => {
      if (result <= 0) return
      const { number, path } = parseDescriptor(args[0])
      const placed = this.placed(path ?? process.file(number)?.path)
      if (placed !== undefined) out.whole(out.named(placed, undefined, undefined, 'directory'), t)
    }

    return {
      open: (result, process) => open(process, 'AT_FDCWD', result.args[0], result.args[1] ?? '', result),
      creat: (result, process) => open(process, 'AT_FDCWD', result.args[0], 'O_WRONLY', result),
      openat: (result, process) => open(process, result.args[0], result.args[1], result.args[2] ?? '', result),
      openat2: (result, process) => open(process, result.args[0], result.args[1], result.args[2] ?? '', result),
      execve: ({ args }, process, _pid, t) => exec(process, 'AT_FDCWD', args[0], t),
      execveat: ({ args }, process, _pid, t) => exec(process, args[0] ?? '', args[1], t),
      read,
      readv: read,
      pread64: readAt(3),
      pread: readAt(3),
      preadv: readAt(3),
      preadv2: readAt(3),
      readahead: ({ args }, process, _pid, t) => {
        const { number, path } = parseDescriptor(args[0])
        this.range(process.file(number), path, t, Number(args[1]), Number(args[2]))
      },
      sendfile: copy(1, 2),
      sendfile64: copy(1, 2),
      copy_file_range: copy(0, 1),
      mmap: ({ args }, process, _pid, t) => {
        const { number, path } = parseDescriptor(args[4])
        if (number >= 0 && args[2] !== 'PROT_NONE')
          this.range(process.file(number), path, t, Number(args[5]), Number(args[1]))
      },
      mmap2: ({ args }, process, _pid, t) => {
        const { number, path } = parseDescriptor(args[4])
        if (number >= 0 && args[2] !== 'PROT_NONE')
          this.range(process.file(number), path, t, Number(args[5]), Number(args[1]))
      },
      getdents: directory,
      getdents64: directory,
      lseek: ({ args, result }, process) => {
        const file = process.file(parseDescriptor(args[0]).number)
        if (file) file.position = result
      },
      close: ({ args }, process) => process.close(parseDescriptor(args[0]).number),
      close_range: ({ args }, process) => {
        if (!(args[2] ?? '').includes('CLOEXEC')) process.closeRange(Number(args[0]), Number(args[1]))
      },
      dup: ({ args, result }, process) => process.duplicate(parseDescriptor(args[0]).number, result, false),
      dup2: ({ args, result }, process) => process.duplicate(parseDescriptor(args[0]).number, result, false),
      dup3: ({ args, result }, process) =>
        process.duplicate(parseDescriptor(args[0]).number, result, (args[2] ?? '').includes('O_CLOEXEC')),
      fcntl: ({ args, result }, process) => {
        const { number } = parseDescriptor(args[0])
        if (args[1]?.startsWith('F_DUPFD')) process.duplicate(number, result, args[1] === 'F_DUPFD_CLOEXEC')
        else if (args[1] === 'F_SETFD') process.setCloseOnExec(number, (args[2] ?? '').includes('FD_CLOEXEC'))
      },
      chdir: ({ args }, process) => {
        const name = parseString(args[0])
        process.changeDirectory(name === undefined ? undefined : process.resolve(name, process.workingDirectory))
      },
      fchdir: ({ args }, process) => {
        const { number, path } = parseDescriptor(args[0])
        process.changeDirectory(path ?? process.file(number)?.path)
      },
      chroot: ({ args }, process) => {
        const name = parseString(args[0])
        const root = name === undefined ? undefined : process.resolve(name, process.workingDirectory)
        if (root !== undefined) process.changeRoot(root.replace(/\/+(?:\.)?$/, ''))
      },
      fork,
      vfork: fork,
      clone: fork,
      clone3: fork,
      pipe: pair,
      pipe2: pair,
      socketpair: pair,
      ...Object.fromEntries(
        [
          'socket',
          'accept',
          'accept4',
          'eventfd',
          'eventfd2',
          'epoll_create',
          'epoll_create1',
          'timerfd_create',
          'signalfd',
          'signalfd4',
          'inotify_init',
          'inotify_init1',
          'fanotify_init',
          'memfd_create',
          'userfaultfd',
          'perf_event_open',
          'pidfd_open',
          'pidfd_getfd',
          'io_uring_setup',
          'bpf',
          'fsopen',
          'fsmount',
          'fspick',
          'open_tree',
          'mq_open',
          'landlock_create_ruleset',
          'memfd_secret',
          'open_by_handle_at',
        ].map((name) => [name, other]),
      ),
    }
  }
}

export const strace: TraceFormat = {
  name: 'strace',
  title: 'output of strace -f -tt',
  recognises: (line) => attached.test(line) || looksLikeStrace.test(line.slice(front.exec(line)![0].length)),
  parser: (out, options) => new StraceParser(out, options),
}
