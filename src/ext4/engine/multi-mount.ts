/**
 * Multiple-mount protection: other machines may share the disk, and no lock of this one
 * is seen there. Who uses the filesystem says so in a block of it, and looks there first.
 *
 * As e2fsck does it: a number of our own is written; when it still stands there after
 * twice the interval within which everybody else would have shown himself, the word for
 * "being checked" takes its place. With that word nobody mounts, however long this
 * process is busy or stopped, until it is taken away: by us at the end, or by a person
 * when we were killed. So exclusion does not hang on a timer. What we renew now and then
 * is the time, for people, and with every look we see whether the block is still as we
 * left it.
 *
 * A number that counts up, as the kernel writes while it is mounted, would let the next
 * one in by itself after a crash, but also while a process is only stopped.
 */
import { setTimeout } from 'node:timers/promises'
import { randomInt } from 'node:crypto'
import { hostname } from 'node:os'
import { corrupt, refused, unsupported, type BootpackError } from '../../errors.js'
import { shellWord } from '../../text/shell-word.js'
import type { ReadFresh } from '../commit/superblock-witness.js'
import {
  changeMmpBlock,
  decodeMmpBlock,
  mmpBlockSize,
  mmpSequence,
  type MmpBlock,
} from '../format/multi-mount-block.js'
import type { Superblock } from '../format/superblock.js'
import type { FilesystemName } from '../ownership/preconditions.js'
import type { Store } from '../../storage/store.js'

/** Seconds: the shortest interval there is, and the longest the kernel keeps to. */
const shortestInterval = 5
const longestInterval = 100

export interface MultiMountOptions {
  readonly superblock: Superblock
  /** The filesystem's bytes, not those of an undo file over them: this block is nothing to be undone. */
  readonly store: Store
  /** Past what this machine remembers, for a device. */
  readonly readFresh?: ReadFresh | undefined
  readonly name: FilesystemName
  /** Of the image or device, as it was given. */
  readonly path: string
  /** Told why nothing happens for some seconds. */
  readonly onWaiting?: ((why: string) => void) | undefined
}

export class MultiMount {
  /** Milliseconds that a second of all intervals takes. */
  static second = 1000

  private readonly options: MultiMountOptions
  /** The block as it was left by whoever was last, or by us. */
  private last: Uint8Array
  private ours = false
  /** When it was written last, by the clock that only goes on. */
  private written = 0
  /** Ends when the operation before has; they come one after the other. */
  private turn: Promise<unknown> = Promise.resolve()

  private constructor(options: MultiMountOptions, last: Uint8Array) {
    this.options = options
    this.last = last
  }

  /**
   * Looks who uses the filesystem. One whose number stands still for as long as others wait
   * before they mount is gone.
   * @returns undefined for a filesystem without such protection
   * @throws refused when somebody uses it, corrupt, io
   */
  static async open(options: MultiMountOptions): Promise<MultiMount | undefined> {
    const { superblock, name, onWaiting } = options
    if (!superblock.features.names.has('mmp')) return undefined
    const { mmpBlock: block } = superblock
    if (block <= superblock.firstDataBlock || block >= superblock.blockCount)
      throw corrupt('superblock', 0, `the MMP block ${block} is outside the filesystem`)
    const bytes = await readBlock(options)
    const mmp = decode(bytes, superblock)
    if (mmp.sequence === mmpSequence.clean) return new MultiMount(options, bytes)
    if (mmp.sequence > mmpSequence.largest) throw inUse(mmp, name)
    const seconds = waitOf(superblock, mmp.checkInterval)
    onWaiting?.(`Waiting ${seconds} s to see whether ${whose(mmp)} still uses ${name.title}.`)
    await setTimeout(seconds * MultiMount.second)
    const again = await readBlock(options)
    if (Buffer.compare(again, bytes) !== 0) throw inUse(decode(again, superblock), name)
    return new MultiMount(options, again)
  }

  /** Milliseconds between two times that are written. */
  get interval(): number {
    const seconds = Math.min(longestInterval, Math.max(shortestInterval, this.options.superblock.mmpInterval))
    return seconds * MultiMount.second
  }

  /** Says for the first time that we are here. @throws as look */
  async announce(): Promise<void> {
    await this.look()
    const { path } = this.options
    await this.write(randomInt(1, mmpSequence.largest), { node: hostname(), device: path })
    this.ours = true
  }

  /** For as long as another who began at the same moment needs to show himself. */
  async wait(): Promise<void> {
    const { superblock, name, onWaiting } = this.options
    const seconds = waitOf(superblock, 0)
    onWaiting?.(`Waiting ${seconds} s for other machines that might use ${name.title} (multiple-mount protection).`)
    await setTimeout(seconds * MultiMount.second)
  }

  /** Nobody has shown himself: from now on nobody mounts. @throws as look */
  async confirm(): Promise<void> {
    await this.look()
    await this.write(mmpSequence.fsck)
  }

  /** @throws refused when the block is not as it was left; corrupt, io */
  look(): Promise<void> {
    return this.inTurn(async () => {
      const now = await readBlock(this.options)
      if (Buffer.compare(now, this.last) !== 0) throw inUse(decode(now, this.options.superblock), this.options.name)
    })
  }

  /** A look, and the time anew when it is due. @throws as look */
  async renew(): Promise<void> {
    await this.look()
    if (performance.now() - this.written >= this.interval) await this.write(mmpSequence.fsck)
  }

  /** Gives it back, unless somebody else has taken it: then it is his. */
  async release(): Promise<void> {
    if (!this.ours) return
    this.ours = false
    await this.look().then(
      () => this.write(mmpSequence.clean),
      () => {},
    )
  }

  private write(sequence: number, who?: { readonly node: string; readonly device: string }): Promise<void> {
    return this.inTurn(async () => {
      const { superblock, store } = this.options
      const bytes = changeMmpBlock(this.last, superblock, sequence, Math.floor(Date.now() / 1000), who)
      this.last = bytes
      await store.write(superblock.mmpBlock * superblock.blockSize, bytes)
      await store.flush()
      this.written = performance.now()
    })
  }

  private inTurn<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.turn.then(operation)
    this.turn = result.catch(() => {})
    return result
  }
}

/** Seconds to wait, as e2fsck and the kernel count them. */
function waitOf({ mmpInterval }: Superblock, checkInterval: number): number {
  const interval = Math.max(shortestInterval, mmpInterval, checkInterval)
  return Math.min(2 * interval + 1, interval + 60)
}

async function readBlock({ superblock, store, readFresh }: MultiMountOptions): Promise<Uint8Array> {
  const offset = superblock.mmpBlock * superblock.blockSize
  const fresh = await readFresh?.(offset, mmpBlockSize)
  if (fresh) return fresh.slice()
  const bytes = new Uint8Array(mmpBlockSize)
  await store.read(offset, bytes)
  return bytes
}

function decode(bytes: Uint8Array, superblock: Superblock): MmpBlock {
  const mmp = decodeMmpBlock(bytes, superblock)
  if (typeof mmp === 'string') throw corrupt('MMP block', superblock.mmpBlock, mmp)
  return mmp
}

const whose = ({ node }: MmpBlock): string => (node === '' ? 'another machine' : shellWord(node))

function inUse(mmp: MmpBlock, name: FilesystemName): BootpackError {
  const clear = `If nothing uses it any more: tune2fs -f -E clear_mmp ${shellWord(name.operand)}`
  const seen = new Date(mmp.time * 1000)
  const since = mmp.time > 0 && !Number.isNaN(seen.getTime()) ? `, last on ${seen.toISOString().slice(0, 16)} UTC` : ''
  if (mmp.sequence === mmpSequence.fsck)
    return refused(
      'mmp-in-use',
      `e2fsck or bootpack is at work on ${name.title} (on ${whose(mmp)}${since.replace('T', ' ')}), says its multiple-mount protection.`,
      clear,
    )
  if (mmp.sequence === mmpSequence.clean)
    return refused(
      'mmp-in-use',
      `${name.title} was used by ${whose(mmp)} meanwhile, says its multiple-mount protection.`,
      'Wait until that is done.',
    )
  if (mmp.sequence <= mmpSequence.largest)
    return refused(
      'mmp-in-use',
      `${name.title} is mounted on ${whose(mmp)}, says its multiple-mount protection.`,
      clear,
    )
  return unsupported(
    'mmp-unknown',
    `The multiple-mount protection of ${name.title} has an unknown state, 0x${mmp.sequence.toString(16)}.`,
    clear,
  )
}
