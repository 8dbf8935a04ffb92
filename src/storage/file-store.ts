/**
 * A Store over an image file or a block device.
 *
 * Reads and writes use the callback form on the descriptor: a small read costs a
 * fifth of what the promise form of FileHandle costs, and a scan makes thousands.
 * Short ones do not even wait for a thread of the pool (at-once.ts).
 */
import { fdatasync, read, readFileSync, readSync, write, writeSync, constants, type BigIntStats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { BootpackError, ioError, refused, usageError } from '../errors.js'
import { AtOnce } from './sync-io-heuristic.js'
import type { Store } from './store.js'

/** Linux moves at most this many bytes in one call; a little less keeps pages whole. */
const longestCall = 1 << 30

export class FileStore implements Store {
  private readonly atOnce = new AtOnce()

  readonly path: string
  readonly size: number
  readonly writable: boolean
  /** Device number of a block device, else of the filesystem the file is on. */
  readonly identity: { readonly blockDevice: boolean; readonly device: bigint; readonly inode: bigint }
  private readonly handle: FileHandle

  private constructor(
    path: string,
    size: number,
    writable: boolean,
    identity: { readonly blockDevice: boolean; readonly device: bigint; readonly inode: bigint },
    handle: FileHandle,
  ) {
    this.path = path
    this.size = size
    this.writable = writable
    this.identity = identity
    this.handle = handle
  }

  /**
   * Opens for reading, or for writing as well. A block device is opened for writing
   * exclusively, which the kernel denies while it is mounted or otherwise claimed.
   * @throws usage when nothing suitable is there, refused when it is in use, io
   */
  static async open(path: string, options: { readonly writable?: boolean } = {}): Promise<FileStore> {
    const writable = options.writable ?? false
    const base = (writable ? constants.O_RDWR : constants.O_RDONLY) | constants.O_NONBLOCK
    let handle = await openOrSay(path, base)
    try {
      let stats = await handle.stat({ bigint: true })
      if (stats.isBlockDevice() && writable) {
        // Only now is it known to be a device: O_EXCL without O_CREAT means nothing on a file.
        await handle.close()
        handle = await openOrSay(path, base | constants.O_EXCL)
        const again = await handle.stat({ bigint: true })
        if (!again.isBlockDevice() || again.rdev !== stats.rdev)
          throw refused('changed', `${path} changed while it was opened.`, 'Try again.')
        stats = again
      }
      if (!stats.isFile() && !stats.isBlockDevice()) {
        throw usageError(
          'not-an-image',
          `${path} is neither a file nor a block device.`,
          'Name an image file or a block device.',
        )
      }
      const size = stats.isBlockDevice() ? await deviceSize(path, handle, stats) : Number(stats.size)
      const identity = stats.isBlockDevice()
        ? { blockDevice: true, device: stats.rdev, inode: 0n }
        : { blockDevice: false, device: stats.dev, inode: stats.ino }
      return new FileStore(path, size, writable, identity, handle)
    } catch (error) {
      await handle.close().catch(() => {})
      throw error
    }
  }

  /** For locks and questions about the open file; reading and writing is done here. */
  get descriptor(): number {
    return this.handle.fd
  }

  async read(offset: number, buffer: Uint8Array): Promise<void> {
    if (this.atOnce.attempt(buffer.length, () => readSync(this.handle.fd, buffer, 0, buffer.length, offset))) return
    for (let done = 0; done < buffer.length;) {
      const count = await readOnce(
        this.handle.fd,
        buffer,
        done,
        Math.min(longestCall, buffer.length - done),
        offset + done,
      ).catch((cause: unknown) => {
        throw ioError(`${this.path}: cannot read at byte ${offset + done}: ${reason(cause)}`, cause)
      })
      if (count === 0) throw ioError(`${this.path}: ends at byte ${offset + done}, before what was to be read`)
      done += count
    }
  }

  async write(offset: number, buffer: Uint8Array): Promise<void> {
    if (!this.writable) throw ioError(`${this.path}: was opened for reading only`)
    if (offset + buffer.length > this.size)
      throw ioError(`${this.path}: a write at byte ${offset} would reach beyond its end`)
    if (this.atOnce.attempt(buffer.length, () => writeSync(this.handle.fd, buffer, 0, buffer.length, offset))) return
    for (let done = 0; done < buffer.length;) {
      done += await writeOnce(
        this.handle.fd,
        buffer,
        done,
        Math.min(longestCall, buffer.length - done),
        offset + done,
      ).catch((cause: unknown) => {
        throw ioError(`${this.path}: cannot write at byte ${offset + done}: ${reason(cause)}`, cause)
      })
    }
  }

  async flush(): Promise<void> {
    if (!this.writable) return
    await new Promise<void>((resolve, reject) => {
      fdatasync(this.handle.fd, (cause) => {
        if (cause)
          reject(ioError(`${this.path}: cannot bring what was written to stable storage: ${reason(cause)}`, cause))
        else resolve()
      })
    })
  }

  async close(): Promise<void> {
    await this.handle.close()
  }
}

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** Milliseconds between two tries of a file on lease, and all of them: the kernel takes a lease back after 45 seconds. */
const leasePause = 20
const longestLease = 60_000

/** The same for a file that is being executed: no image is a program, but anybody may try one that says it is. */
const executionPause = 1
const longestExecution = 5000

/** Who has a lease on the file (a bootpack at work, Samba) learns of each try, and lets us in or not at all. */
async function openOnceLet(path: string, flags: number): Promise<FileHandle> {
  const began = performance.now()
  for (;;) {
    let pause = leasePause
    try {
      return await open(path, flags)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const executed = code === 'ETXTBSY'
      if (executed) pause = executionPause
      const longest = executed ? longestExecution : code === 'EAGAIN' ? longestLease : 0
      if (performance.now() - began >= longest) throw error
    }
    await setTimeout(pause)
  }
}

async function openOrSay(path: string, flags: number): Promise<FileHandle> {
  try {
    return await openOnceLet(path, flags)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EAGAIN')
      throw refused('leased', `Another program has a lease on ${path} and does not let go of it.`, 'End it first.')
    if (code === 'ETXTBSY')
      throw refused('in-use', `${path} is being run as a program.`, `End that first: fuser -v ${path}`)
    if (code === 'ENOENT' || code === 'ENOTDIR') throw usageError('no-such-target', `There is nothing at ${path}.`)
    if (code === 'EISDIR') throw usageError('not-an-image', `${path} is a folder, not an image or a block device.`)
    if (code === 'EBUSY')
      throw refused('in-use', `${path} is in use: mounted, or claimed by another program.`, 'Unmount it first.')
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      const doing = (flags & constants.O_RDWR) === 0 ? 'read' : 'write'
      throw new BootpackError('refused', 'no-permission', `${path} cannot be opened to ${doing} it.`, {
        next:
          process.getuid?.() === 0
            ? `The system keeps even root from it; give something else, or run this where it may be ${doing === 'read' ? 'read' : 'written'}.`
            : `Get the permission to ${doing} it, for example with sudo.`,
        cause,
      })
    }
    throw ioError(`${path} cannot be opened: ${reason(cause)}`, cause)
  }
}

const readOnce = (
  descriptor: number,
  buffer: Uint8Array,
  at: number,
  length: number,
  position: number,
): Promise<number> =>
  new Promise((resolve, reject) => {
    read(descriptor, buffer, at, length, position, (error, count) => {
      if (error) reject(error)
      else resolve(count)
    })
  })

const writeOnce = (
  descriptor: number,
  buffer: Uint8Array,
  at: number,
  length: number,
  position: number,
): Promise<number> =>
  new Promise((resolve, reject) => {
    write(descriptor, buffer, at, length, position, (error, count) => {
      if (error) reject(error)
      else if (count === 0) reject(new Error('nothing was written'))
      else resolve(count)
    })
  })

/** stat says 0 for devices; sysfs knows, and where there is none, reading finds the end. */
async function deviceSize(path: string, handle: FileHandle, stats: BigIntStats): Promise<number> {
  const major = ((stats.rdev >> 8n) & 0xfffn) | ((stats.rdev >> 32n) & ~0xfffn)
  const minor = (stats.rdev & 0xffn) | ((stats.rdev >> 12n) & ~0xffn)
  try {
    const sectors = Number(readFileSync(`/sys/dev/block/${major}:${minor}/size`, 'utf8').trim())
    if (Number.isSafeInteger(sectors) && sectors >= 0) return sectors * 512
  } catch {
    // No sysfs here.
  }
  return findEnd(async (offset) => {
    const one = new Uint8Array(512)
    return (await readOnce(handle.fd, one, 0, 512, offset)) === 512
  }).catch((cause: unknown) => {
    throw ioError(`${path}: its size cannot be found: ${reason(cause)}`, cause)
  })
}

/** Bytes up to the end, in sectors of 512, by doubling and halving. */
export async function findEnd(readable: (offset: number) => Promise<boolean>): Promise<number> {
  if (!(await readable(0))) return 0
  let inside = 0
  let outside = 512
  while (await readable(outside)) {
    inside = outside
    outside *= 2
  }
  while (outside - inside > 512) {
    const middle = Math.floor((inside + outside) / 1024) * 512
    if (await readable(middle)) inside = middle
    else outside = middle
  }
  return outside
}
