/**
 * A store that keeps in an undo file what it overwrites, before it does.
 *
 * Writes wait in a queue. When it is long, or when somebody flushes or reads what is
 * waiting, the old contents of what it covers go to the undo file and are made
 * durable there; then the writes go on. Each block is kept once, as it was before the
 * first change, so that playing the file back leaves the very bytes there were.
 */
import { constants } from 'node:fs'
import { lstat, open, unlink, type FileHandle } from 'node:fs/promises'
import { ioError, usageError } from '../../errors.js'
import { blockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import type { Store } from '../../storage/store.js'
import { superblockOffset, superblockSize } from '../format/superblock.js'
import { UndoFile, undoBlockSize, type OldContents, type UndoTarget } from './block-record.js'

/** Bytes that may wait. */
const longestQueue = 8 << 20

interface WaitingWrite {
  readonly offset: number
  readonly bytes: Uint8Array
}

export class UndoStore implements Store {
  private queue: WaitingWrite[] = []
  private queued = 0
  /** Counted in blocks of the undo file. */
  private readonly saved = new RunSet()
  /** Ends when the operations before have; they come one after the other. */
  private turn: Promise<unknown> = Promise.resolve()
  /** Why nothing more is written. */
  private failure: { readonly error: unknown } | undefined

  private readonly below: Store
  private readonly file: UndoFile

  private constructor(below: Store, file: UndoFile) {
    this.below = below
    this.file = file
  }

  /**
   * @param below            the filesystem's bytes
   * @param filesystemOffset where on the device they begin: e2undo is given the device
   * @throws usage when there is a file of that name already; io
   */
  static async create(below: Store, path: string, filesystemOffset = 0): Promise<UndoStore> {
    return UndoStore.over(below, await createTarget(path), filesystemOffset)
  }

  /** Over an undo file that is somewhere else than in a file. */
  static async over(below: Store, target: UndoTarget, filesystemOffset = 0): Promise<UndoStore> {
    const store = new UndoStore(below, new UndoFile(target, filesystemOffset))
    try {
      await store.file.save([], await store.superblock())
    } catch (error) {
      await store.file.close()
      throw error
    }
    return store
  }

  get size(): number {
    return this.below.size
  }

  get writable(): boolean {
    return this.below.writable
  }

  async read(offset: number, buffer: Uint8Array): Promise<void> {
    const waiting = this.queue.some(
      (write) => write.offset < offset + buffer.length && offset < write.offset + write.bytes.length,
    )
    if (waiting) await this.inTurn(() => this.drain())
    await this.below.read(offset, buffer)
  }

  write(offset: number, buffer: Uint8Array): Promise<void> {
    return this.inTurn(async () => {
      this.queue.push({ offset, bytes: new Uint8Array(buffer) })
      this.queued += buffer.length
      if (this.queued > longestQueue) await this.drain()
    })
  }

  flush(): Promise<void> {
    return this.inTurn(async () => {
      await this.drain()
      await this.below.flush()
    })
  }

  /** Says in the undo file that it is whole, unless something failed. One that recorded nothing is taken away. */
  async close(): Promise<void> {
    try {
      await this.turn
      if (!this.failure) {
        await this.inTurn(async () => {
          await this.drain()
          await this.below.flush()
          if (!this.file.isEmpty) await this.file.finish(await this.superblock())
        })
      }
    } finally {
      await this.file.close().finally(() => this.below.close())
    }
  }

  private inTurn<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.turn.then(async () => {
      if (this.failure) throw this.failure.error
      try {
        return await operation()
      } catch (error) {
        this.failure = { error }
        throw error
      }
    })
    this.turn = result.catch(() => {})
    return result
  }

  private async drain(): Promise<void> {
    if (this.queue.length === 0) return
    const old: OldContents[] = []
    for (const { offset, bytes } of this.queue) {
      const first = Math.floor(offset / undoBlockSize)
      const covered = blockRun(first, Math.ceil((offset + bytes.length) / undoBlockSize) - first)
      for (const run of [...this.saved.missingFrom(covered)]) {
        const contents = new Uint8Array(Math.min(run.length * undoBlockSize, this.size - run.start * undoBlockSize))
        await this.below.read(run.start * undoBlockSize, contents)
        old.push({ block: run.start, bytes: contents })
        this.saved.add(run)
      }
    }
    // A change of the superblock alone makes e2undo doubt the file as well.
    if (old.length > 0 || this.queue.some(touchesSuperblock)) await this.file.save(old, await this.superblock())
    for (const { offset, bytes } of this.queue) await this.below.write(offset, bytes)
    this.queue = []
    this.queued = 0
  }

  /** As it will be when the queue is written. */
  private async superblock(): Promise<Uint8Array> {
    const bytes = new Uint8Array(superblockSize)
    await this.below.read(superblockOffset, bytes)
    for (const write of this.queue) {
      if (!touchesSuperblock(write)) continue
      const from = Math.max(superblockOffset, write.offset)
      const to = Math.min(superblockOffset + superblockSize, write.offset + write.bytes.length)
      bytes.set(write.bytes.subarray(from - write.offset, to - write.offset), from - superblockOffset)
    }
    return bytes
  }
}

const touchesSuperblock = ({ offset, bytes }: WaitingWrite): boolean =>
  offset < superblockOffset + superblockSize && superblockOffset < offset + bytes.length

async function createTarget(path: string): Promise<UndoTarget> {
  let handle
  try {
    handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') {
      throw usageError(
        'undo-file-exists',
        `There is a file at ${path} already, which may be needed to take back an earlier change.`,
        'Name another undo file, or delete that one if you are sure.',
      )
    }
    throw ioError(`The undo file ${path} cannot be made: ${(cause as Error).message}`, cause)
  }
  const file = handle
  const saying = async (operation: Promise<unknown>): Promise<void> => {
    await operation.catch((cause: unknown) => {
      throw ioError(`The undo file ${path} cannot be written: ${(cause as Error).message}`, cause)
    })
  }
  return {
    write: (offset, bytes) =>
      saying(
        (async () => {
          for (let done = 0; done < bytes.length;)
            done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten
        })(),
      ),
    flush: () => saying(file.datasync()),
    close: () => file.close(),
    discard: () => removeOwn(file, path),
  }
}

/** Removes the name of an open file, if it still is that file's: somebody may have put another there. */
async function removeOwn(file: FileHandle, path: string): Promise<void> {
  const [own, there] = [await file.stat({ bigint: true }), await lstat(path, { bigint: true }).catch(() => undefined)]
  if (there?.ino === own.ino && there.dev === own.dev) await unlink(path).catch(() => {})
}
