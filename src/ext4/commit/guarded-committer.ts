/**
 * A committer that looks whether the filesystem is still its own before it writes, and
 * lets in who waits when it is at rest. In which order that is, is told here; what is
 * looked at, and what is said about it, is the guard's.
 *
 *     claim, admit | copy, … | last look, transaction, settled | admit | … | release
 */
import type { BootpackError } from '../../errors.js'
import type { FsBlock } from '../../layout/block.js'
import type { Committer } from './committer.js'

export interface CommitGuard {
  /** Why nothing is written any more, once that is so. */
  readonly stopped: BootpackError | undefined
  /** Whether a caller was told. */
  told: boolean
  /** Whether somebody stands at the door. */
  readonly somebodyWaits: boolean
  /**
   * Before anything is written at all: other machines are told, if they share the disk.
   * @throws as admit
   */
  claim(): Promise<void>
  /** Takes back what was claimed; nothing is written any more. */
  release(): Promise<void>
  /**
   * Before anything of a transaction is written: lets in who has waited long enough.
   * @param rest brings everything home, so that the filesystem lies there as unmounted
   * @throws refused or stopped when somebody has come
   */
  admit(rest: () => Promise<void>): Promise<void>
  /** @throws as admit */
  lastLook(): Promise<void>
  /** A transaction begins: from now on something may have been changed. */
  began(): void
  /** What is on the disk now is ours; at rest when it lies there as unmounted. */
  settled(atRest: boolean): Promise<void>
  /** The error with what to do about it. */
  failed(error: unknown): unknown
}

/** Milliseconds between two looks for who waits while nothing is being written. */
const attendance = 50

export class GuardedCommitter implements Committer {
  private readonly inner: Committer
  private readonly guard: CommitGuard
  /** Ends when the operation before has; they come one after the other. */
  private turn: Promise<unknown> = Promise.resolve()
  private underWay = false
  private written = false
  private readonly timer: NodeJS.Timeout

  constructor(inner: Committer, guard: CommitGuard) {
    this.inner = inner
    this.guard = guard

    this.timer = setInterval(() => void this.attend(), attendance)
    this.timer.unref()
  }

  get capacity(): number {
    return this.inner.capacity
  }

  ready(): Promise<void> {
    return this.asked(async () => {
      await this.guard.claim()
      if (!this.underWay) await this.guard.admit(() => this.rest())
      await this.guard.lastLook()
      this.underWay = true
    })
  }

  commit(blocks: ReadonlyMap<FsBlock, Uint8Array>): Promise<void> {
    return this.asked(async () => {
      await this.guard.lastLook()
      this.guard.began()
      this.written = true
      await this.inner.commit(blocks)
      this.underWay = false
      await this.guard.settled(false)
    })
  }

  /** Nothing is brought home any more once somebody else has come, which is said once. */
  close(): Promise<void> {
    return this.asked(async () => {
      this.underWay = false
      if (!this.written || this.guard.told) return
      await this.guard.lastLook()
      await this.rest()
    })
  }

  /** Ends the attendance; the committer is not used any more. */
  async release(): Promise<void> {
    clearInterval(this.timer)
    await this.inTurn(() => this.guard.release())
  }

  private async rest(): Promise<void> {
    if (!this.written) return
    await this.inner.close()
    this.written = false
    await this.guard.settled(true)
  }

  /** Lets in who waits while the caller thinks. What came of it is found by the next look. */
  private async attend(): Promise<void> {
    if (this.underWay || this.guard.stopped || !this.guard.somebodyWaits) return
    const { told } = this.guard
    await this.inTurn(async () => {
      if (!this.underWay) await this.guard.admit(() => this.rest())
    }).catch(() => {
      this.guard.told = told
    })
  }

  private asked(operation: () => Promise<void>): Promise<void> {
    return this.inTurn(operation).catch((error: unknown) => {
      if (error === this.guard.stopped) this.guard.told = true
      throw this.guard.failed(error)
    })
  }

  private inTurn(operation: () => Promise<void>): Promise<void> {
    const result = this.turn.then(operation)
    this.turn = result.catch(() => {})
    return result
  }
}
