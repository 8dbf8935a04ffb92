/**
 * Whether another process has an image open for writing, or a lock on it. The kernel
 * guards block devices (O_EXCL); for files it guards nothing, so this looks through
 * /proc: every descriptor of every process that may be looked at, and the locks that
 * virtual machines and others take on their images. A writer of another user is
 * invisible to anyone but root, and one on another machine to everyone.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, deviceNumber, statOf, type Identity } from './block-devices.js'

type FileIdentity = Identity & { readonly kind: 'file' }

export interface OtherWriter {
  /** Undefined for locks whose holder the kernel does not tell. */
  readonly process: number | undefined
  /** As in ps, or empty. */
  readonly command: string
}

/** @returns the first found, other than this process */
export function findWriter(identity: FileIdentity): OtherWriter | undefined {
  for (const name of attempt(() => readdirSync('/proc')) ?? []) {
    const process_ = Number(name)
    if (!Number.isInteger(process_) || process_ === process.pid) continue
    if (writes(process_, identity)) return { process: process_, command: commandOf(process_) }
  }
  const lock = parseLocks(attempt(() => readFileSync('/proc/locks', 'utf8')) ?? '').find(
    (each) =>
      each.process !== process.pid && each.device === deviceNumber(identity.device) && each.inode === identity.inode,
  )
  return (
    lock && {
      process: lock.process > 0 ? lock.process : undefined,
      command: lock.process > 0 ? commandOf(lock.process) : '',
    }
  )
}

function writes(process_: number, identity: FileIdentity): boolean {
  const folder = join('/proc', String(process_))
  for (const descriptor of attempt(() => readdirSync(join(folder, 'fd'))) ?? []) {
    const link = join(folder, 'fd', descriptor)
    // Sockets and pipes need no further look; device nodes cannot be the file.
    const leadsTo = attempt(() => readlinkSync(link))
    if (leadsTo === undefined || !leadsTo.startsWith('/') || leadsTo.startsWith('/dev/')) continue
    const info = attempt(() => readFileSync(join(folder, 'fdinfo', descriptor), 'latin1')) ?? ''
    // Kernels from 5.14 on tell the inode, which spares a stat that might hang.
    const inode = /^ino:\s*(\d+)$/m.exec(info)?.[1]
    if (inode !== undefined && BigInt(inode) !== identity.inode) continue
    const accessMode = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8) & 3
    if (accessMode === 0) continue
    const stats = statOf(link)
    if (stats && stats.dev === identity.device && stats.ino === identity.inode) return true
  }
  return false
}

const commandOf = (process_: number): string =>
  (attempt(() => readFileSync(`/proc/${process_}/comm`, 'utf8')) ?? '').trim()

export interface FileLock {
  /** -1 where the lock belongs to an open file and not to a process. */
  readonly process: number
  readonly device: string
  readonly inode: bigint
}

/**
 * The byte-range locks of /proc/locks (proc(5)). Whole-file locks of flock(2) are left
 * out: a script that wraps bootpack in flock(1) holds one on purpose.
 */
export function parseLocks(text: string): FileLock[] {
  const locks: FileLock[] = []
  for (const line of text.split('\n')) {
    const match = /^\d+: (?:POSIX|OFDLCK)\s+\S+\s+\S+\s+(-?\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /.exec(line)
    if (!match) continue
    const [, holder, major, minor, inode] = match
    locks.push({
      process: Number(holder),
      device: `${Number.parseInt(major!, 16)}:${Number.parseInt(minor!, 16)}`,
      inode: BigInt(inode!),
    })
  }
  return locks
}
