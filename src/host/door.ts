/**
 * Keeps files shut while they are written to: the kernel makes everybody wait who wants
 * to open them, and we say when he may. There are two ways.
 *
 * A lease for writing (kernel/lease.ts) is for the owner of the file and for root, and
 * only where nobody else has the file open; so nobody is in. Those who wait are let in
 * by the kernel after 45 seconds, whatever we do.
 *
 * Permission to open (kernel/open-permission.ts) is root's to give, and needs nothing of
 * the file: for one that readers have open, and for the one behind a loop device. Those
 * who were in before stay in, and have to be looked for.
 */
import { giveLeaseBack, leaseBreakTime, leaseState, tryLease } from '../kernel/lease.js'
import { OpenPermission } from '../kernel/open-permission.js'

export type DoorState =
  /** Nobody else is in, and nobody can come in. */
  | 'alone'
  /** Nobody can come in. */
  | 'shut'
  /** Nobody can come in, and somebody waits: to read, to write, or who knows. */
  | 'reader-waits'
  | 'writer-waits'
  | 'somebody-waits'
  /** Others may be in, or come in. */
  | 'open'

export interface Door {
  /** Tries to shut it. */
  shut(): DoorState
  state(): DoorState
  /** Lets in whoever waits. */
  letIn(): void
  close(): void
}

/** Milliseconds for which it stays open: some do not wait but try again. */
const stayOpen = 200

export class LeaseDoor implements Door {
  private readonly fd: number
  private held = false
  /** When it was last found shut with nobody waiting, on the clock of `performance.now`. */
  private lastShut = 0
  private openUntil = 0
  private readonly breakTime = leaseBreakTime() * 1000

  /** @param fd of the file, the only open description of it in this process */
  constructor(fd: number) {
    this.fd = fd
  }

  shut(): DoorState {
    const state = this.state()
    if (state !== 'open' || performance.now() < this.openUntil) return state
    this.held = process.platform === 'linux' && tryLease(this.fd, 'write') === 'held'
    this.lastShut = performance.now()
    return this.held ? 'alone' : 'open'
  }

  state(): DoorState {
    if (!this.held) return 'open'
    const now = performance.now()
    const state = leaseState(this.fd)
    if (state === 'write') {
      this.lastShut = now
      return 'alone'
    }
    // Who has waited for so long was let in by the kernel, whatever the lease says.
    if (now - this.lastShut >= this.breakTime) {
      this.held = false
      return 'open'
    }
    return state === 'read' ? 'reader-waits' : 'writer-waits'
  }

  letIn(): void {
    if (this.held) giveLeaseBack(this.fd)
    this.held = false
    this.openUntil = performance.now() + stayOpen
  }

  close(): void {
    this.letIn()
  }
}

export class PermissionDoor implements Door {
  private readonly fds: readonly number[]
  private permission: OpenPermission | undefined
  private tried = false

  /** @param fds of the files, open here already: what this process opens later would wait for itself */
  constructor(fds: readonly number[]) {
    this.fds = fds
  }

  shut(): DoorState {
    if (!this.tried && process.platform === 'linux')
      this.permission = OpenPermission.open(this.fds.map((fd) => `/proc/self/fd/${fd}`))
    this.tried = true
    return this.state()
  }

  state(): DoorState {
    if (!this.permission) return 'open'
    return this.permission.somebodyWaits ? 'somebody-waits' : 'shut'
  }

  letIn(): void {
    this.permission?.letIn()
  }

  close(): void {
    this.permission?.close()
    this.permission = undefined
  }
}
