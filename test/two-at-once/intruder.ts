/** Somebody else at work on an image (intruder.sh), and what he says he wrote. */
import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { launcher, type Specimen } from './specimen.js'

const script = (live: boolean): string[] =>
  live
    ? ['python3', new URL('live-intruder.py', import.meta.url).pathname]
    : ['bash', new URL('intruder.sh', import.meta.url).pathname]

export const intruders = [
  'mount-ro',
  'mount-rw',
  'losetup-mount',
  'losetup-later',
  'e4defrag',
  'pack',
  'pack-namespaces',
  'pack-mounts',
  'pack-user',
  'e2fsck',
  'resize2fs',
  'truncate',
  'append',
  'dd',
  'debugfs',
] as const
export type IntruderName = (typeof intruders)[number]

/**
 * Those that open a block device without asking the kernel to have it to themselves: it lets
 * them, and nothing keeps them off between a look and the write that follows it
 * (docs/reliability.md, "What cannot be kept off"). The file behind a loop device is kept shut.
 */
export const unasked: ReadonlySet<IntruderName> = new Set<IntruderName>([
  'losetup-mount',
  'losetup-later',
  'append',
  'dd',
  'debugfs',
])

/** On a mounted filesystem (live-intruder.py). */
export const liveIntruders = [
  'overwrite',
  'append',
  'truncate',
  'mapped',
  'unlink',
  'rename',
  'replace',
  'lease',
  'everything',
  'remount-ro',
  'e4defrag',
  'pack',
  'fstrim',
  'umount-l',
  'freeze',
] as const
export type LiveIntruderName = (typeof liveIntruders)[number]

/** Those that move blocks themselves. */
export const movers: ReadonlySet<string> = new Set<IntruderName | LiveIntruderName>([
  'e4defrag',
  'pack',
  'pack-namespaces',
  'pack-mounts',
  'pack-user',
  'resize2fs',
])

/** How far he had come when bootpack was continued. */
export type Progress = 'done' | 'in and stays' | 'held waiting' | 'turned away' | 'under way'

export interface IntruderOptions {
  readonly what: IntruderName | LiveIntruderName
  readonly target: string
  readonly stay: boolean
  readonly round: number
  readonly specimen: Specimen
  readonly mountPoint: string
  /** Number of the image file. */
  readonly inode: number
  /** Where what he writes is noted. */
  readonly log: string
}

export class Intruder {
  private readonly child: ChildProcess
  private readonly options: IntruderOptions
  private text = ''
  private readonly end: Promise<unknown>

  constructor(options: IntruderOptions) {
    const { what, target, stay, round, specimen, mountPoint, log } = options
    this.options = options
    writeFileSync(log, '')
    const [program, file] = script(target === mountPoint)
    this.child = spawn(program!, [file!, what, target, stay ? '1' : '0', String(round)], {
      detached: true,
      env: {
        ...process.env,
        LC_ALL: 'C',
        NODE: process.execPath,
        BOOTPACK: launcher,
        TRACE: specimen.otherTrace,
        SUMS: specimen.sums,
        MNT: mountPoint,
        LOG: log,
      },
    })
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.setEncoding('utf8').on('data', (some: string) => {
        this.text += some
      })
    this.child.stdin!.on('error', () => {})
    this.end = new Promise((resolve) => this.child.once('close', resolve))
  }

  get said(): string {
    return this.text
  }

  /** Waits until he has done what he came for, was turned away, or is kept waiting. */
  async progress(patience: number): Promise<Progress> {
    for (const began = performance.now(); performance.now() - began < patience; await setTimeout(10)) {
      if (this.child.exitCode !== null) {
        await this.end
        return this.child.exitCode === 0 || this.child.exitCode === 77 ? 'done' : 'turned away'
      }
      if (/^in$/m.test(this.text) && this.options.stay) return 'in and stays'
      if (this.waits()) return 'held waiting'
    }
    return 'under way'
  }

  /** @returns his exit code; undefined when he did not leave in time and was killed */
  async leaves(milliseconds: number): Promise<number | null | undefined> {
    this.child.stdin!.end('\n')
    const inTime = await Promise.race([this.end.then(() => true), setTimeout(milliseconds, false, { ref: false })])
    if (inTime) return this.child.exitCode
    process.kill(-this.child.pid!, 'SIGKILL')
    await this.end
    return undefined
  }

  /** What each name may hold in the end: several where he did not come to know. */
  wrote(): Map<string, Set<string>> {
    const found = new Map<string, Set<string>>()
    for (const line of readFileSync(this.options.log, 'utf8').split('\n')) {
      const [name, value] = line.split('\t')
      if (!name || value === undefined) continue
      if (!name.startsWith('?')) found.set(name, new Set([value]))
      else {
        const before = found.get(name.slice(1)) ?? [this.options.specimen.contents.get(name.slice(1)) ?? 'none']
        found.set(name.slice(1), new Set([...before, value]))
      }
    }
    return found
  }

  /** Whether the kernel keeps one of his processes waiting where it opens a file, or somebody asks again and again. */
  private waits(): boolean {
    const { inode } = this.options
    if (new RegExp(`LEASE +BREAK\\w+ .*:${inode} `).test(readFileSync('/proc/locks', 'utf8'))) return true
    const seen = [this.child.pid!]
    for (const process_ of seen) {
      try {
        if (/break_lease|fanotify/.test(readFileSync(`/proc/${process_}/wchan`, 'utf8'))) return true
        const children = readFileSync(`/proc/${process_}/task/${process_}/children`, 'utf8')
        seen.push(...children.split(' ').filter(Boolean).map(Number))
      } catch {
        // It has ended.
      }
    }
    return false
  }
}
