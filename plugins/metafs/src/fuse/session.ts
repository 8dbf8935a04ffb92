/**
 * Serves one mounted filesystem: takes requests, asks the tree, answers.
 *
 * Every request gets its own AbortSignal. The kernel sends INTERRUPT when the client
 * has a signal waiting; a client that is being killed stays in D state until its
 * request is answered. So looking things up and reading is given up at once (EINTR);
 * a write is asked to stop and answered when it has, because it may be in the middle
 * of moving blocks. Requests run side by side; the tree keeps order where it must.
 */
import { closeSync, writeSync } from 'node:fs'
import { Errno, errnoOf } from './errno.js'
import { readRequests } from './request-thread.js'
import {
  attributesAnswer,
  dataAnswer,
  decodeRequest,
  directoryAnswer,
  entryAnswer,
  handleOf,
  initAnswer,
  initOf,
  interruptedOf,
  isClientsRead,
  mostRead,
  nameOf,
  opcode,
  openAnswer,
  openFlagsOf,
  protocolMajor,
  seekAnswer,
  seekOf,
  setAttributesOf,
  statfsAnswer,
  statusAnswer,
  transferOf,
  writtenAnswer,
  writtenBytesOf,
  type Attributes,
  type DirectoryEntry,
  type Owner,
  type Request,
} from './wire.js'

/** What a mount shows. Failures are thrown, see errnoOf. */
export interface Tree {
  attributes(node: number, signal: AbortSignal): Promise<Attributes>
  /** @throws Errno ENOENT when the directory has no such name */
  find(directory: number, name: string, signal: AbortSignal): Promise<Attributes>
  /** Entries from a place in the listing on, 0 for its beginning. */
  entries(directory: number, from: number, signal: AbortSignal): Promise<Iterable<DirectoryEntry>>
  /** @param flags as of open(2) */
  open(node: number, flags: number): Promise<OpenFile>
}

/** One open file description. Positions are those of the descriptor, not of the contents. */
export interface OpenFile {
  /** @returns at most `size` bytes; none is the end */
  read(position: number, size: number, signal: AbortSignal): Promise<Uint8Array>
  /** Takes all the bytes or none. */
  write(position: number, bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** lseek(SEEK_DATA): where the descriptor is to be put. @throws Errno ENXIO when there is nothing from there on */
  seekData(position: number, signal: AbortSignal): Promise<number>
}

const SEEK_DATA = 3
const SEEK_HOLE = 4

/** Making, removing and renaming: what is here is not the client's to arrange. */
const fixedTree = new Set([6, 8, 9, 10, 11, 12, 13, opcode.create, 45, 51])

export class Session {
  /** Settles when the filesystem is gone; rejects when the requests could not be read. */
  readonly ended: Promise<void>
  private readonly running = new Map<bigint, AbortController>()
  private readonly files = new Map<number, OpenFile>()
  private lastHandle = 0
  /** Until the descriptor is closed: its number may be another file's afterwards. */
  private open = true

  private readonly descriptor: number
  private readonly tree: Tree
  private readonly owner: Owner

  /** @param descriptor of /dev/fuse, mounted; closed at the end */
  constructor(descriptor: number, tree: Tree, owner: Owner) {
    this.descriptor = descriptor
    this.tree = tree
    this.owner = owner
    this.ended = readRequests(descriptor, (bytes) => this.receive(bytes)).finally(() => this.leave())
    // Whoever waits for it learns of it; nobody has to.
    this.ended.catch(() => {})
  }

  /** Asks every request to stop; those that come later are answered as ever. */
  stop(): void {
    for (const controller of this.running.values()) controller.abort()
  }

  private leave(): void {
    this.stop()
    this.open = false
    closeSync(this.descriptor)
  }

  private receive(bytes: Uint8Array<ArrayBuffer>): void {
    const request = decodeRequest(bytes)
    if (!request) return
    switch (request.opcode) {
      case opcode.interrupt:
        this.running.get(interruptedOf(request.body))?.abort()
        return
      // Node numbers say what they stand for: nothing is kept that would have to be forgotten.
      case opcode.forget:
      case opcode.batchForget:
        return
    }
    void this.serve(request)
  }

  private async serve(request: Request): Promise<void> {
    const controller = new AbortController()
    this.running.set(request.unique, controller)
    let bytes: Uint8Array
    try {
      const answer = this.answer(request, controller.signal)
      bytes = await (request.opcode === opcode.write ? answer : unlessAborted(answer, controller.signal))
    } catch (error) {
      bytes = statusAnswer(request.unique, errnoOf(error))
    } finally {
      this.running.delete(request.unique)
    }
    if (!this.open) return
    try {
      writeSync(this.descriptor, bytes)
    } catch (error) {
      // The client is gone, or the whole filesystem is: nobody waits for this answer.
      if (!['ENOENT', 'ENODEV', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }

  private async answer({ opcode: code, unique, node, body }: Request, signal: AbortSignal): Promise<Uint8Array> {
    const { tree, owner } = this
    switch (code) {
      case opcode.init: {
        const { major, readAhead } = initOf(body)
        if (major < protocolMajor) throw new Errno('EPROTO')
        return initAnswer(unique, readAhead)
      }
      case opcode.lookup:
        return entryAnswer(unique, await tree.find(node, nameOf(body), signal), owner)
      case opcode.getAttributes:
        return attributesAnswer(unique, await tree.attributes(node, signal), owner)
      case opcode.setAttributes:
        // A shell's `>` cuts the file to 0 and dd to where it begins; that means nothing here.
        if (!setAttributesOf(body).sizeOrTimes) throw new Errno('EPERM')
        return attributesAnswer(unique, await tree.attributes(node, signal), owner)
      case opcode.open: {
        const file = await tree.open(node, openFlagsOf(body))
        const handle = ++this.lastHandle
        this.files.set(handle, file)
        return openAnswer(unique, handle)
      }
      case opcode.read: {
        // Whoever is refused so falls back on read(2); a page of the cache would be filled up with zeros.
        if (!isClientsRead(body)) throw new Errno('EINVAL')
        const { handle, offset, size } = transferOf(body)
        return dataAnswer(unique, await this.file(handle).read(offset, Math.min(size, mostRead), signal))
      }
      case opcode.write: {
        const bytes = writtenBytesOf(body)
        await this.file(transferOf(body).handle).write(transferOf(body).offset, bytes, signal)
        return writtenAnswer(unique, bytes.length)
      }
      case opcode.seek: {
        const { handle, offset, whence } = seekOf(body)
        if (whence === SEEK_DATA) return seekAnswer(unique, await this.file(handle).seekData(offset, signal))
        // No holes, so that nobody takes these texts for sparse files and leaves parts out.
        const { size } = await tree.attributes(node, signal)
        if (whence !== SEEK_HOLE || offset >= size) throw new Errno(whence === SEEK_HOLE ? 'ENXIO' : 'EINVAL')
        return seekAnswer(unique, size)
      }
      case opcode.release:
        this.files.delete(handleOf(body))
        return statusAnswer(unique, 0)
      case opcode.openDirectory:
        return openAnswer(unique, 0)
      case opcode.readDirectory: {
        const { offset, size } = transferOf(body)
        return directoryAnswer(unique, await tree.entries(node, offset, signal), Math.min(size, mostRead))
      }
      case opcode.releaseDirectory:
      case opcode.fsync:
      case opcode.destroy:
        return statusAnswer(unique, 0)
      case opcode.statfs:
        return statfsAnswer(unique)
      case opcode.ioctl:
        throw new Errno('ENOTTY')
      default:
        throw new Errno(fixedTree.has(code) ? 'EPERM' : 'ENOSYS')
    }
  }

  private file(handle: number): OpenFile {
    const file = this.files.get(handle)
    if (!file) throw new Errno('EBADF')
    return file
  }
}

/** The promise, or a rejection as soon as the signal comes. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new Errno('EINTR'))
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
