/**
 * One file, the way of 2009: a donor gets blocks with fallocate, one call for each
 * part of the file without holes; if it then has fewer pieces than the file, blocks
 * change hands, 64 MB at a time.
 *
 * Where this differs from mainline: the donor never has a name; the page cache is
 * left as it was; every exchange is read back; a file that is not better afterwards
 * is put back and counts as a failure.
 */
import { closeSync, constants, fsyncSync, fstatSync } from 'node:fs'
import { openHeld } from '../host/walk.js'
import { errnoNumber, errnoOf } from '../kernel/errno.js'
import { fallocate } from '../kernel/fallocate.js'
import { fileDataSync } from '../kernel/fdatasync.js'
import { lockHolder } from '../kernel/getlk.js'
import { tryMoveExtent } from '../kernel/move-extent.js'
import { filesystemSpace } from '../kernel/statfs.js'
import { strerror } from '../kernel/strerror.js'
import { openTemporaryFile } from '../kernel/temporary-file.js'
import { WarmPages } from '../mounted/exchange/warm-pages.js'
import { bestCount, fragmentsOf, logicalRuns, type Fragments } from './fragments.js'
import { isLostAndFound, lineStart, place, type Run } from './run-state.js'
import { isSwapFile } from './swap-file.js'
import type { Met } from './tree-walk.js'

/** Bytes exchanged at a time. */
const step = 64 << 20
const attempts = 4

/** A failure with the words that go before [ NG ]. */
class Failure extends Error {
  constructor(message: string, errno?: number) {
    super(errno === undefined ? `${message}\t` : `${message}:${strerror(errno)}`)
  }
}

/** Defragments a file if that makes it better, and says what came of it. */
export function defragmentFile(run: Run, met: Met): void {
  const { console, counts, verbose, bootLoader } = run
  const { path, name, file } = met
  counts.meet()
  if (verbose) console.out(place(counts))
  const pass = (why: string, mark = '\t\t[ NG ]'): void => {
    if (verbose) console.error(` "${name}"\n\t${why}${mark}\n`)
  }
  if (isLostAndFound(run, path)) return pass('Can not process "lost+found"')
  if (file.type !== 'regular') return pass('File is not regular file')
  if (file.size === 0) return pass('File size is 0')
  if (file.sectors === 0) return pass('File has no blocks', '')
  if (bootLoader.has(file.inode)) return pass('A boot loader knows where its blocks are', '\t[ NG ]')
  let fd: number
  try {
    fd = openHeld(file, constants.O_RDWR | constants.O_NONBLOCK)
  } catch (error) {
    return pass(`Failed to open:${strerror(errnoOf(error) ?? errnoNumber.EIO)}`, '\t[ NG ]')
  }
  try {
    if (isSwapFile(fd, file)) return pass('It is a swap file: the kernel knows where its blocks are', '\t[ NG ]')
    new FileDefragmenter(run, met, fd).work()
  } catch (error) {
    if (error instanceof Failure) return pass(error.message, '\t[ NG ]')
    throw error
  } finally {
    closeSync(fd)
  }
}

class FileDefragmenter {
  private readonly run: Run
  private readonly met: Met
  private readonly fd: number

  constructor(run: Run, met: Met, fd: number) {
    this.run = run
    this.met = met
    this.fd = fd
  }

  work(): void {
    const { target, counts } = this.run
    const before = this.fragments('Failed to get file extents')
    if (!this.mayBeMoved(before)) return
    counts.extentsBefore += before.extents.length
    if (before.extents.length !== 1) counts.fragmentedBefore++
    const parts = logicalRuns(before.extents)
    if (before.extents.length <= bestCount(before.blocks, target.groups)) return this.finish(before, before, true)
    try {
      fsyncSync(this.fd)
    } catch (error) {
      throw new Failure('Failed to sync(fsync)', errnoOf(error))
    }
    const donor = this.openDonor()
    try {
      for (const { from, length } of parts) this.allocate(donor, from, length)
      const offered = fragmentsOf(donor, target.blockSize)
      // Between two holes there is at least one piece: with no more than that, nothing can be better.
      if (offered.runs >= before.runs) return this.finish(before, before, before.runs <= parts.length)
      const after = this.exchange(donor, offered)
      if (after.runs >= before.runs) {
        this.exchangeAll(donor, offered)
        return this.finish(before, this.fragments('Failed to get file information'), false)
      }
      this.finish(before, after, true)
    } finally {
      closeSync(donor)
    }
  }

  private fragments(failure: string): Fragments {
    try {
      const found = fragmentsOf(this.fd, this.run.target.blockSize)
      if (found.extents.length > 0) return found
    } catch (error) {
      throw new Failure(failure, errnoOf(error))
    }
    throw new Failure(failure)
  }

  /** Room, owner and locks, in this order. */
  private mayBeMoved({ blocks, extents }: Fragments): boolean {
    const { run } = this
    const { name, file } = this.met
    const { free, available } = filesystemSpace(this.fd)
    const refuse = (why: string): false => {
      if (run.verbose) {
        run.console.out(
          `${lineStart}${place(run.counts)} "${name}"\t\t  extents: ${extents.length} -> ${extents.length}\n`,
        )
        run.console.error(`\t${why}\t\t[ NG ]\n`)
      }
      return false
    }
    if ((run.isRoot ? free : available) < blocks) return refuse("Defrag size is larger than filesystem's free space")
    if (!run.isRoot && file.uid !== run.uid)
      return refuse("File is not current user's file or current user is not root")
    if (lockHolder(this.fd)) {
      if (run.verbose) run.console.error(` "${name}"\n\tFile has been locked\t\t[ NG ]\n`)
      return false
    }
    return true
  }

  private openDonor(): number {
    try {
      return openTemporaryFile(`/proc/self/fd/${this.met.folder}/.`)
    } catch (error) {
      throw new Failure('Failed to open', errnoOf(error))
    }
  }

  private allocate(donor: number, from: number, length: number): void {
    try {
      fallocate(donor, 'allocate', from, length)
    } catch (error) {
      throw new Failure('Failed to fallocate', errnoOf(error))
    }
  }

  /** Exchanges everything, showing progress. @returns what became of the file, its pages written out */
  private exchange(donor: number, offered: Fragments): Fragments {
    const { run } = this
    this.progress(0)
    const size = fstatSync(this.fd).size
    const warm = new WarmPages(this.fd, [{ from: 0, length: size }])
    warm.drop()
    try {
      this.exchangeAll(donor, offered, (done) => this.progress(Math.min(100, Math.floor((done * 100) / size))))
      return this.fragments('Failed to get file information')
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      run.console.out(run.verbose ? '\n' : '\t[ NG ]\n')
      throw error
    } finally {
      warm.restore()
    }
  }

  /** The same call puts everything back. */
  private exchangeAll(donor: number, offered: Fragments, onProgress: (done: number) => void = () => {}): void {
    const { blockSize } = this.run.target
    const end = Math.ceil(this.met.file.size / blockSize) * blockSize
    for (const { logical, length } of offered.extents) {
      for (let from = logical; from < Math.min(logical + length, end); from += step) {
        const bytes = Math.min(step, logical + length - from, end - from)
        this.exchangeStep(donor, from / blockSize, bytes / blockSize)
        onProgress(from + bytes)
      }
    }
  }

  private exchangeStep(donor: number, from: number, length: number): void {
    let at = from
    for (let attempt = 1; at < from + length; attempt++) {
      const { moved, errno } = tryMoveExtent({
        original: this.fd,
        donor,
        originalStart: at,
        donorStart: at,
        length: from + length - at,
      })
      at += moved
      if (errno === 0 && moved > 0) continue
      // Pages under way; or the file was cut meanwhile, and there is nothing to move any more.
      const passing =
        errno === 0 || errno === errnoNumber.EBUSY || errno === errnoNumber.ENODATA || errno === errnoNumber.EAGAIN
      if (!passing || (attempt >= attempts && errno === errnoNumber.EBUSY))
        throw new Failure('Failed to defrag with EXT4_IOC_MOVE_EXT ioctl', errno)
      if (attempt >= attempts) return
      fileDataSync(this.fd)
    }
  }

  private progress(percent: number): void {
    const { console, counts } = this.run
    console.out(`${lineStart}${place(counts)}${this.met.name}:\t${String(percent).padStart(3)}%`)
    console.flush()
  }

  private finish(before: Fragments, after: Fragments, good: boolean): void {
    const { console, counts, verbose } = this.run
    if (before === after) this.progress(100)
    if (verbose) console.out(`  extents: ${before.extents.length} -> ${after.extents.length}`)
    console.out(good ? '\t[ OK ]\n' : '\t[ NG ]\n')
    counts.extentsAfter += after.extents.length
    if (after.extents.length !== 1) counts.fragmentedAfter++
    if (good) counts.succeeded++
  }
}
