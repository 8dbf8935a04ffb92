/**
 * Whether somebody has come to an image or device since it was opened for writing.
 *
 * Three ways to know, the cheaper asked first. A file that is kept shut (door.ts) lets
 * nobody in: 2 to 20 microseconds tell. Else the kernel notes who opens the file, under
 * whatever name (inotify): 20 microseconds, and a look is needed only when somebody
 * has. The look itself goes through the devices, the mounts and, after a note, through
 * all processes: 3 to 70 milliseconds on a machine with 130 of them.
 *
 * A device opened exclusively is kept by the kernel; what may come there is a loop
 * device, or a program that writes without having it to itself.
 */
import { fstatSync } from 'node:fs'
import { noticeOpens, type OpenNotice } from '../kernel/inotify.js'
import type { FileIdentity, Identity } from './block-devices.js'
import { LeaseDoor, PermissionDoor, type Door, type DoorState } from './door.js'
import { relatedDevices } from './device-stack.js'
import { findUses, type Use } from './is-mounted.js'
import { openersOf } from './openers.js'
import type { OtherWriter } from './writer-lock.js'

export type Newcomer =
  | { readonly as: 'use'; readonly use: Use }
  | { readonly as: 'writer'; readonly writer: OtherWriter }
  /** Somebody truncated or extended the file. */
  | { readonly as: 'resized' }
  /** Somebody wrote to the file and is gone. */
  | { readonly as: 'rewritten' }

/** A file that is open here: the target, or what it reads. */
export interface WatchedFile {
  readonly fd: number
  readonly identity: FileIdentity
}

/** Who waits there waits for a file that nobody else has open. */
const nobodyIn: ReadonlySet<DoorState> = new Set(['alone', 'reader-waits', 'writer-waits'])

/** Of the time that passes, this share may go into looks that nothing calls for. */
const share = 1 / 20
/** Milliseconds between such looks at least. */
const shortestPause = 100

export class Newcomers {
  private readonly identity: Identity
  private readonly file: WatchedFile | undefined
  private door: Door | undefined
  private readonly files: readonly (WatchedFile & { readonly notice: OpenNotice | undefined })[]
  private stamps: readonly bigint[] = []
  private nextLook = 0
  private opened = false
  private called = false

  /**
   * @param file  the target, open for writing; undefined for a device
   * @param below files that a device reads
   */
  constructor(identity: Identity, file: WatchedFile | undefined, below: readonly WatchedFile[]) {
    this.identity = identity
    this.file = file

    this.door = file && new LeaseDoor(file.fd)
    this.files = [...(file ? [file] : []), ...below].map((each) => ({ ...each, notice: noticeOf(each) }))
    this.stirred()
    // Who came between the looks before the opening and this is not noted: the first look asks for writers.
    this.opened = true
    this.written()
  }

  /** Whether others may reach the bytes past what this machine remembers of the target. */
  get throughAnother(): boolean {
    return this.file === undefined && this.files.length > 0
  }

  /** Tries to keep what is watched shut from now on. */
  shut(): DoorState {
    const state = this.door?.shut() ?? 'open'
    if (state !== 'open' || this.door instanceof PermissionDoor || this.files.length === 0) return state
    const permission = new PermissionDoor(this.files.map(({ fd }) => fd))
    if (permission.shut() === 'open') return 'open'
    this.door?.close()
    this.door = permission
    return permission.state()
  }

  get state(): DoorState {
    return this.door?.state() ?? 'open'
  }

  letIn(): void {
    this.door?.letIn()
  }

  /** Keeps nobody out any more. */
  openDoor(): void {
    this.door?.close()
    this.door = undefined
  }

  /** For every write: cheap, and looks only when something calls for it or some time has passed. */
  glance(): Newcomer | undefined {
    const { state } = this
    if (nobodyIn.has(state)) return undefined
    const noted = state !== 'open' || (this.files.length > 0 && this.files.every(({ notice }) => notice))
    if (noted && !this.stirred()) return undefined
    // Whoever opens the file over and over again does not make us look over and over.
    return performance.now() >= this.nextLook || (noted && !this.called) ? this.look(noted) : undefined
  }

  /** Before what cannot be taken back. */
  lastLook(): Newcomer | undefined {
    const { state } = this
    return nobodyIn.has(state) || (state !== 'open' && !this.stirred()) ? undefined : this.look()
  }

  /** @param called for because somebody opened a file, in the middle of writing */
  look(called = false): Newcomer | undefined {
    const began = performance.now()
    const stirred = this.stirred()
    this.opened = false
    this.called = called
    const found = this.resized() ?? this.devices() ?? (stirred ? this.writers() : undefined)
    const now = performance.now()
    this.nextLook = now + Math.max(shortestPause, (now - began) / share)
    return found
  }

  /** Says that what was written until now was written here. */
  written(): void {
    this.stamps = this.timesOfWriting()
  }

  /**
   * Whether the file was written to since `written` was called, or one that the target
   * reads: what this machine remembers of the target may then be older. Where another
   * device gives out bytes of such a file as well, it may be written to at any time.
   */
  rewritten(): Newcomer | undefined {
    const now = this.timesOfWriting()
    if (now.every((time, i) => time === this.stamps[i])) return undefined
    const shared = !this.file && relatedDevices(this.identity).some(({ as, beside }) => beside && as === 'loop')
    return shared ? undefined : { as: 'rewritten' }
  }

  close(): void {
    this.openDoor()
    for (const { notice } of this.files) notice?.close()
  }

  private timesOfWriting(): bigint[] {
    return this.files.map(({ fd }) => fstatSync(fd, { bigint: true }).mtimeNs)
  }

  /** Whether a file was opened since the last look, or might have been. */
  private stirred(): boolean {
    for (const { notice } of this.files) if (!notice || notice.opened()) this.opened = true
    return this.opened
  }

  private resized(): Newcomer | undefined {
    if (!this.file) return undefined
    const { size } = fstatSync(this.file.fd)
    return size === this.file.identity.size ? undefined : { as: 'resized' }
  }

  /** Mounts come through a device or through somebody who opens the file. */
  private devices(): Newcomer | undefined {
    if (!relatedDevices(this.identity).some(({ as }) => as === 'loop' || as === 'holder')) return undefined
    const [use] = findUses(this.identity)
    return use && { as: 'use', use }
  }

  private writers(): Newcomer | undefined {
    for (const { identity } of this.files) {
      // Who holds a bootpack's lock beside ours is at another part of what both are behind.
      const opener = openersOf(identity).find(({ writes, locks }) => writes && !locks)
      if (opener) return { as: 'writer', writer: { as: 'writer', opener } }
    }
    const mount = this.files.length > 0 ? findUses(this.identity).find(({ as }) => as === 'mount') : undefined
    return mount && { as: 'use', use: mount }
  }
}

function noticeOf({ fd }: WatchedFile): OpenNotice | undefined {
  return process.platform === 'linux' ? noticeOpens(`/proc/self/fd/${fd}`) : undefined
}
