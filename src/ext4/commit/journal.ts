/**
 * Commits metadata through the image's own journal, so that a crash at any instant
 * leaves a filesystem that e2fsck or the kernel brings back whole: as it was before
 * a transaction, or as it is after it.
 *
 * Three things on the disk decide what a recovery does. The filesystem superblock's
 * flag needs_recovery: without it the kernel throws the log away. The journal
 * superblock: s_start (0 = empty) and s_sequence say where the scan begins and which
 * number it expects. The log: the scan goes on from one transaction to the next as
 * long as each has the number expected and ends in a commit block.
 *
 * One commit, where `|` is a flush (what is left of it is durable before what is
 * right of it is written):
 *
 *     home k-1, data k, log k | tail k, commit k | home k, data k+1, ...
 *
 * "home" are the blocks of a transaction at the places they belong, "data" what the
 * caller wrote to blocks that were free, "log" descriptors and copies, "tail" the
 * journal superblock pointing at the transaction. So that no order within one of
 * these groups matters:
 *
 * 1. Transaction k begins in the log where k-1 ends and overwrites nothing of it.
 *    Up to the first flush the disk's journal superblock points at k-1, whose
 *    replay repeats what was written home, and the scan then finds k unfinished.
 * 2. Between the flushes: with the tail alone durable there is nothing to replay,
 *    and home k-1 was durable before; with the commit alone the scan runs through
 *    k-1 into k, of which all else is durable; with both it is k.
 * 3. After the second flush the log holds k and nothing older.
 *
 * 3 is why no revoke records are needed. They exist for a block that was journaled
 * as metadata, then freed and reused as data while the old copy was still in the
 * log. The caller frees a block in transaction j, reuses it in a later one, and
 * what it writes there it writes after commit j, when no transaction before j can
 * be replayed; and j itself has no copy of what it freed.
 *
 * The first commit has two flushes more. needs_recovery goes with the first group.
 * The tail goes alone, before the commit: a recovery finds every commit block that
 * is durable by a tail that is durable, and so never lets a number be used twice.
 * (Were one used twice, a stale commit block could close a half-written
 * transaction.) The first number is s_sequence + 1, as in the kernel.
 *
 * The last flush is `close`: home | tail 0 | needs_recovery off |. Neither earlier:
 * an empty log or a missing flag both say that home is whole. Where two transactions
 * do not fit side by side the log is emptied between them in the same way, but for
 * the flag. A log with fast commits is emptied instead of wrapped around, because
 * kernels do not agree where it wraps.
 *
 * Blocks are taken to reach the disk whole or not at all, as jbd2 takes them.
 */
import { corrupt, ioError, refused } from '../../errors.js'
import type { Extent } from '../../layout/extent.js'
import type { FsBlock } from '../../layout/block.js'
import { encodeTransaction, logBlocksFor, type JournalFormat, type LoggedBlock } from '../format/journal-record.js'
import {
  decodeJournalSuperblock,
  setJournalTail,
  widenJournal,
  type JournalSuperblock,
} from '../format/journal-superblock.js'
import { JournalMap } from './journal-map.js'
import type { Committer } from './committer.js'
import type { SuperblockMark } from './recovery-mark.js'
import { writeBlocks } from '../../storage/coalesced-writes.js'
import type { Store } from '../../storage/store.js'

export interface JournalOptions {
  readonly store: Store
  /** Bytes, of the filesystem. */
  readonly blockSize: number
  /** Blocks of the filesystem. */
  readonly blockCount: number
  /** Of the journal inode, sorted by logical block; it has no holes. */
  readonly extents: readonly Extent[]
  /** Time written into commit blocks, in seconds since 1970. */
  readonly seconds: number
  /** Of needs_recovery. */
  readonly mark: Pick<SuperblockMark, 'write' | 'apply'>
}

/**
 * What the disk says:
 * - `closed`: log empty, needs_recovery off
 * - `empty`: log empty, needs_recovery on
 * - `holding`: the last transaction is in the log, needs_recovery on
 */
type JournalState = 'closed' | 'empty' | 'holding'

export class Journal implements Committer {
  private state: JournalState = 'closed'
  /** Where the next transaction begins. */
  private head: number
  /** Blocks of the log the last transaction takes; 0 when the log is empty. */
  private held = 0
  /** Number used last. */
  private sequence: number
  /** Something failed half-way: only a recovery from the disk as it is can be trusted. */
  private broken = false
  private failure: unknown

  private readonly options: JournalOptions
  private readonly map: JournalMap
  private readonly format: JournalFormat
  /** The journal's superblock, as on the disk. */
  private readonly superblock: Uint8Array
  private readonly log: Pick<JournalSuperblock, 'first' | 'end' | 'fastCommit'>

  private constructor(
    options: JournalOptions,
    map: JournalMap,
    format: JournalFormat,
    superblock: Uint8Array,
    log: Pick<JournalSuperblock, 'first' | 'end' | 'fastCommit'>,
    sequence: number,
  ) {
    this.options = options
    this.map = map
    this.format = format
    this.superblock = superblock
    this.log = log
    this.head = log.first
    this.sequence = sequence
  }

  /**
   * @throws refused when the log holds transactions or an error, corrupt or unsupported when
   *         the journal's superblock is not one we can write behind
   */
  static async open(options: JournalOptions): Promise<Journal> {
    const { store, blockSize } = options
    const map = new JournalMap(options.extents)
    if (map.blocks === 0) throw corrupt('journal superblock', 0, 'the journal inode has no blocks')
    const bytes = new Uint8Array(blockSize)
    await store.read(map.at(0) * blockSize, bytes)
    const decoded = decodeJournalSuperblock(bytes, blockSize, map.blocks)
    if (decoded.start !== 0) {
      throw refused(
        'needs-recovery',
        'The journal holds transactions that were not replayed.',
        'Mount and unmount the filesystem once, or run e2fsck on it.',
      )
    }
    if (decoded.error !== 0) {
      throw refused(
        'journal-error',
        `The kernel gave up on the journal with error ${decoded.error}.`,
        'Run e2fsck -f on the filesystem.',
      )
    }
    const wide = decoded.wide || options.blockCount > 0x1_0000_0000
    // Durable with the tail of the first transaction, the first moment it matters.
    if (wide && !decoded.wide) widenJournal(bytes, decoded.checksums)
    const format = { blockSize, wide, checksums: decoded.checksums, uuid: decoded.uuid }
    return new Journal(options, map, format, bytes, decoded, decoded.sequence)
  }

  /** Blocks one transaction may have. */
  get capacity(): number {
    // One block of the log stays free, so that a scan never meets the transaction it began with.
    const room = this.log.end - this.log.first - 1
    let count = room
    while (logBlocksFor(this.format, count) > room) count -= logBlocksFor(this.format, count) - room
    return count
  }

  ready(): Promise<void> {
    return Promise.resolve()
  }

  /**
   * Makes the blocks durable, all or none of them, together with everything written
   * before. On return they are committed; at home they are whole after the next
   * commit or close.
   * @throws RangeError for more blocks than `capacity`; io, after which the journal
   *         takes no more: what was committed is for a recovery to bring home
   */
  async commit(blocks: ReadonlyMap<FsBlock, Uint8Array>): Promise<void> {
    if (blocks.size === 0) return
    if (blocks.size > this.capacity)
      throw new RangeError(`a transaction of ${blocks.size} blocks in a journal for ${this.capacity}`)
    if (this.broken) {
      const reason = this.failure instanceof Error ? `: ${this.failure.message}` : ''
      throw ioError(`The journal cannot be used after an earlier failure${reason}`, this.failure)
    }
    this.broken = true
    await this.writeTransaction(blocks).catch((error: unknown) => {
      this.failure = error
      throw error
    })
    this.broken = false
  }

  private async writeTransaction(blocks: ReadonlyMap<FsBlock, Uint8Array>): Promise<void> {
    this.options.mark.apply(blocks)
    const logged: LoggedBlock[] = [...blocks].sort(([a], [b]) => a - b)
    const need = logBlocksFor(this.format, logged.length)
    if (!this.fits(need)) await this.empty()

    const sequence = next(this.sequence)
    const start = this.head
    const { body, commit } = encodeTransaction(this.format, sequence, logged, this.options.seconds)
    if (this.state === 'closed') await this.options.mark.write(true)
    await this.writeLog(start, body)
    await this.options.store.flush()
    await this.writeTail(start, sequence)
    if (this.state !== 'holding') await this.options.store.flush()
    await this.writeLog(this.after(start, body.length), [commit])
    await this.options.store.flush()
    this.state = 'holding'
    this.sequence = sequence
    this.held = need
    this.head = this.after(start, need)
    await writeBlocks(this.options.store, this.format.blockSize, logged)
  }

  /**
   * Brings everything home and leaves the journal as a clean unmount does. After a
   * failure it writes nothing: the log may be all that holds the last transaction.
   */
  async close(): Promise<void> {
    if (this.broken) return
    this.broken = true
    if (this.state === 'holding') await this.empty()
    if (this.state === 'empty') {
      await this.options.mark.write(false)
      await this.options.store.flush()
      this.state = 'closed'
    }
    this.broken = false
  }

  private fits(need: number): boolean {
    if (this.log.fastCommit && this.head + need > this.log.end) return false
    return this.held + need < this.log.end - this.log.first
  }

  /** Home is durable before the log is called empty, and that before the log is overwritten. */
  private async empty(): Promise<void> {
    if (this.state === 'holding') {
      await this.options.store.flush()
      this.sequence = next(this.sequence)
      await this.writeTail(0, this.sequence)
      await this.options.store.flush()
      this.state = 'empty'
    }
    this.held = 0
    this.head = this.log.first
  }

  private after(block: number, count: number): number {
    const at = block + count
    return at < this.log.end ? at : at - (this.log.end - this.log.first)
  }

  private async writeTail(start: number, sequence: number): Promise<void> {
    setJournalTail(this.superblock, this.format.checksums, start, sequence)
    await this.options.store.write(this.map.at(0) * this.format.blockSize, this.superblock)
  }

  private async writeLog(start: number, blocks: readonly Uint8Array[]): Promise<void> {
    await writeBlocks(
      this.options.store,
      this.format.blockSize,
      blocks.map((bytes, index) => [this.map.at(this.after(start, index)), bytes] as const),
    )
  }
}

/** Sequence numbers have 32 bits and go round. */
const next = (sequence: number): number => (sequence + 1) >>> 0
