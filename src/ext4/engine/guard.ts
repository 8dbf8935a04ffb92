/**
 * Watches over a filesystem that is being written to: looks whether somebody has come,
 * lets in who waits, and says what happened. What it looks at: the door, devices, mounts
 * and writers (host/newcomers.ts), the superblock (superblock-witness.ts), and with MMP
 * the block by which machines tell each other (multi-mount.ts).
 *
 * Who wants to write and can be kept waiting is, for a while: most work is done by then,
 * and he meets a filesystem at rest. Afterwards the filesystem is brought to rest for him,
 * he is let in, and if he stays nothing more is written. A reader is let in at once.
 */
import { setTimeout } from 'node:timers/promises'
import { BootpackError, ioError, meanwhileCode, refused } from '../../errors.js'
import type { Newcomer, Newcomers } from '../../host/newcomers.js'
import { shellWord } from '../../text/shell-word.js'
import type { CommitGuard } from '../commit/guarded-committer.js'
import type { SuperblockWitness } from '../commit/superblock-witness.js'
import { useError, writerError, type FilesystemName } from '../ownership/preconditions.js'
import type { MultiMount } from './multi-mount.js'

/** Milliseconds for who was let in to be seen inside, and between two looks for him. */
const arrival = 1000
const arrivalPause = 20

export interface GuardOptions {
  readonly newcomers: Newcomers
  readonly witness: SuperblockWitness
  /** Of the image or device, as it was given. */
  readonly path: string
  readonly name: FilesystemName
  /** How to mend a filesystem whose last transaction is not at home: a full sentence. */
  readonly mend: string
  /** What moved until now, for the sentence about it. */
  readonly done: { readonly blocks: number; readonly inodes: number }
  /** With multiple-mount protection: how other machines are kept off. */
  readonly otherMachines?: MultiMount | undefined
  /**
   * For a device that reads a file others can reach: what this machine remembers of the
   * device would else be written there later, over whatever they wrote.
   */
  readonly flush?: () => Promise<void>
}

type Reason = Newcomer | { readonly as: 'superblock' } | { readonly as: 'unseen' }

export class Guard implements CommitGuard {
  private readonly options: GuardOptions
  /** Milliseconds a writer is kept waiting: a third of the time the kernel gives us. */
  static patience = 15_000
  stopped: BootpackError | undefined
  told = false
  private shutOnce = false
  /** Something of the filesystem may have been changed. */
  private changed = false
  private atRest = true
  private waitingSince: number | undefined
  /** Renews the claim against other machines, once there is one. */
  private renewal: NodeJS.Timeout | undefined

  constructor(options: GuardOptions) {
    this.options = options
  }

  get somebodyWaits(): boolean {
    return this.options.newcomers.state.endsWith('-waits')
  }

  /** For every write. @throws refused or stopped when somebody has come */
  glance(): void {
    const newcomer = this.stopped ? undefined : this.options.newcomers.glance()
    if (newcomer) this.stop(newcomer)
    if (!this.stopped) return
    this.told = true
    throw this.stopped
  }

  /**
   * Nobody is kept waiting for it: the file is not shut yet. Not earlier than something is
   * to be written, so that whoever changes nothing leaves every byte as it was.
   */
  async claim(): Promise<void> {
    const { otherMachines, newcomers } = this.options
    if (!otherMachines || this.renewal) return
    await this.whoHasCome()
    await this.saying(otherMachines.announce())
    newcomers.written()
    await otherMachines.wait()
    await this.whoHasCome()
    await this.saying(otherMachines.confirm())
    newcomers.written()
    this.renewal = setInterval(() => void this.renew().catch(() => {}), otherMachines.interval)
    this.renewal.unref()
  }

  async release(): Promise<void> {
    clearInterval(this.renewal)
    await this.options.otherMachines?.release()
  }

  async admit(rest: () => Promise<void>): Promise<void> {
    if (this.stopped) throw this.stopped
    const { newcomers } = this.options
    switch (newcomers.state) {
      case 'reader-waits':
        newcomers.letIn()
        break
      case 'writer-waits':
        this.waitingSince ??= performance.now()
        if (performance.now() - this.waitingSince < Guard.patience) return
        await rest()
        newcomers.written()
        newcomers.letIn()
        await this.awaitArrival()
        this.needUnwritten()
        break
      case 'somebody-waits':
        await rest()
        newcomers.written()
        newcomers.letIn()
        await setTimeout(arrivalPause)
        this.needUnwritten()
        break
      case 'alone':
      case 'shut':
      case 'open':
    }
    this.waitingSince = undefined
    const state = newcomers.shut()
    if (!this.shutOnce) {
      this.shutOnce = true
      // Nobody was kept out while it was only read. Whoever was there and wrote has left a time.
      this.needUnwritten()
    }
    if (state !== 'alone') this.look()
  }

  async lastLook(): Promise<void> {
    if (this.stopped) throw this.stopped
    const newcomer = this.options.newcomers.lastLook()
    if (newcomer) throw this.stop(newcomer)
    if (await this.options.witness.changed()) throw this.stop({ as: 'superblock' })
    if (this.renewal) await this.renew()
  }

  began(): void {
    this.changed = true
    this.atRest = false
  }

  async settled(atRest: boolean): Promise<void> {
    this.atRest = atRest
    await this.options.flush?.()
    await this.options.witness.remember()
  }

  failed(error: unknown): unknown {
    const plain = error instanceof BootpackError && error.family === 'io' && error.next === undefined
    if (!plain || this.atRest) return error
    const { cause } = error
    const full = (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOSPC'
    const first = full ? `Make room on the disk that holds ${shellWord(this.options.path)}.` : 'Mend the cause first.'
    return ioError(error.message, cause, `${first} What was reported as moved is safe. ${this.options.mend}`)
  }

  /** While nobody is kept out: those who are here, and those who were. */
  private async whoHasCome(): Promise<void> {
    if (this.stopped) throw this.stopped
    this.needUnwritten()
    await this.lastLook()
  }

  private async renew(): Promise<void> {
    if (this.stopped) return
    await this.saying(this.options.otherMachines!.renew())
    // Only who looks at the time of the file before it is shut asks for it.
    this.options.newcomers.written()
  }

  /** What another machine's claim says is a reason to stop like any other. */
  private async saying(operation: Promise<void>): Promise<void> {
    await operation.catch((error: unknown) => {
      throw error instanceof BootpackError && error.family !== 'io' ? this.stopBecause(error) : error
    })
  }

  /** Who wrote and is gone again has left a time, whichever bytes they were. */
  private needUnwritten(): void {
    const newcomer = this.options.newcomers.rewritten()
    if (newcomer) throw this.stop(newcomer)
  }

  private look(): void {
    const newcomer = this.options.newcomers.look()
    if (newcomer) throw this.stop(newcomer)
  }

  /** Who was let in is seen a moment later, or has gone again, or is somebody who cannot be seen. */
  private async awaitArrival(): Promise<void> {
    const { newcomers } = this.options
    for (let waited = 0; waited < arrival; waited += arrivalPause) {
      await setTimeout(arrivalPause)
      if (newcomers.shut() === 'alone') return
      this.look()
    }
    throw this.stop({ as: 'unseen' })
  }

  private stop(reason: Reason): BootpackError {
    return this.stopBecause(this.errorOf(reason))
  }

  private stopBecause(error: BootpackError): BootpackError {
    const { blocks, inodes } = this.options.done
    const moved = [
      ...(blocks > 0 || inodes === 0 ? [`${blocks} block${blocks === 1 ? '' : 's'}`] : []),
      ...(inodes > 0 ? [`${inodes} inode number${inodes === 1 ? '' : 's'}`] : []),
    ].join(' and ')
    const until = this.changed
      ? `${moved} had been changed by then, and the filesystem is whole.`
      : 'The filesystem is as it was.'
    const mend = this.atRest ? [] : [`Then ${this.options.mend.replace(/^./, (first) => first.toLowerCase())}`]
    const code = meanwhileCode(error.code)
    const message = `${error.message} That happened while bootpack was at work, so nothing more was written. ${until}`
    const details = { next: [error.next, ...mend, 'To go on, run the same command again.'].join('\n'), cause: error }
    this.stopped = this.changed
      ? new BootpackError('stopped', code, message, details)
      : new BootpackError('refused', code, message, details)
    this.options.newcomers.openDoor()
    return this.stopped
  }

  private errorOf(reason: Reason): BootpackError {
    const { path, name } = this.options
    const wait = 'Wait until that is done.'
    switch (reason.as) {
      case 'use':
        return useError(reason.use, path)
      case 'writer':
        return writerError(reason.writer, path)
      case 'unseen':
        return writerError({ as: 'writer', opener: undefined }, path)
      case 'resized':
        return refused('resized', `${shellWord(path)} has another size than before.`, wait)
      case 'rewritten':
        return refused('rewritten', `${shellWord(path)} was written to by another program.`, wait)
      case 'superblock':
        return refused(
          'changed',
          `The filesystem on ${name.title} was mounted, checked or changed by somebody else.`,
          wait,
        )
    }
  }
}
