/**
 * Power cuts against the image engine. Random moves are made on an image in a store
 * that records every write and flush. From the record the image is built as a disk
 * may hold it after a cut at any point: all that was flushed before, and of the rest
 * any part. e2fsck (or a kernel mount) recovers it. Then
 *
 * - e2fsck must have had nothing to mend but the journal to replay, and finds nothing;
 * - the layout of all inodes, as debugfs sees it, must be that after one of the
 *   transactions, none that had not begun, none older than the last one reported;
 * - every name must lead to the contents, gathered block by block over debugfs'
 *   mapping, and the attributes it led to before anything moved; numbers of inodes may
 *   be others where they are exchanged.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Filesystem } from '../../src/ext4/read/filesystem.js'
import { ImageVolume } from '../../src/ext4/engine/image-volume.js'
import { relocateOnImage } from '../../src/ext4/relocate/round.js'
import { renumberOnImage } from '../../src/ext4/renumber/run-exchanges.js'
import { findSuspects } from '../../src/ext4/ownership/preflight.js'
import type { Committer } from '../../src/ext4/commit/committer.js'
import { openCommitter } from '../../src/ext4/commit/open-committer.js'
import { dumpInodes, mappedContents, type InodeDump } from '../support/inode-dump.js'
import { loopMounted } from '../support/mount.js'
import { Random } from '../support/random.js'
import { randomExchanges } from '../support/random-exchanges.js'
import { randomMoves } from '../support/random-moves.js'
import { RecordingStore } from '../support/recording-store.js'
import { run } from '../support/tools.js'
import { makeVariedImage, type Variety } from '../support/varied-image.js'

export interface CrashRunOptions {
  readonly variety: Variety
  readonly seed: number
  /** Folder for images. */
  readonly folder: string
  /** Times the filesystem is opened, changed and closed. */
  readonly sessions?: number
  readonly roundsPerSession?: number
  readonly movesPerRound?: number
  /** Inodes whose numbers are exchanged after each round. */
  readonly exchangesPerRound?: number
  /** Blocks a transaction may have at most, so that a round becomes several. */
  readonly capacity?: number
  /** As if the disk took no notice of flushes: such a run must be found out. */
  readonly withoutFlushes?: boolean
}

/** A state the filesystem went through: as it was, or after a transaction. */
interface Milestone {
  /** Steps issued when its commit began: before, the disk cannot hold it. */
  readonly begun: number
  /** Steps issued up to the last flush of its commit. */
  readonly durable: number
  readonly layout: string
}

export type RecoveryTool = 'e2fsck' | 'kernel'

export class CrashRun {
  /** Exchanges of inode numbers that were carried out. */
  readonly renumbered: number
  readonly options: CrashRunOptions
  private readonly store: RecordingStore
  private readonly milestones: readonly Milestone[]
  private readonly contents: ReadonlyMap<string, string>
  private readonly random: Random
  private readonly path: string

  private constructor(
    renumbered: number,
    options: CrashRunOptions,
    store: RecordingStore,
    milestones: readonly Milestone[],
    contents: ReadonlyMap<string, string>,
    random: Random,
    path: string,
  ) {
    this.renumbered = renumbered
    this.options = options
    this.store = store
    this.milestones = milestones
    this.contents = contents
    this.random = random
    this.path = path
  }

  static async record(options: CrashRunOptions): Promise<CrashRun> {
    const { variety, seed, folder } = options
    const random = new Random(seed)
    const path = join(folder, `crash-${seed}.img`)
    makeVariedImage(path, variety, seed)
    const base = readFileSync(path)
    const contents = mappedContents(path, base, dumpInodes(path), variety.blockSize)
    const store = new RecordingStore(base)
    if (options.withoutFlushes) store.flush = () => Promise.resolve()
    let renumbered = 0
    const milestones: Milestone[] = [{ begun: 0, durable: 0, layout: layoutOf(dumpInodes(path)) }]
    const layoutNow = (): string => {
      writeFileSync(
        path,
        store.after(store.steps.length, variety.blockSize, () => true),
      )
      return layoutOf(dumpInodes(path))
    }
    for (let session = 0; session < (options.sessions ?? 2); session++) {
      const filesystem = await Filesystem.open(store)
      const volume = await ImageVolume.open(filesystem)
      const committer = watched(await openCommitter(filesystem), options.capacity ?? 12, store, (begun, durable) => {
        milestones.push({ begun, durable, layout: layoutNow() })
      })
      for (let round = 0; round < (options.roundsPerSession ?? 3); round++) {
        const moves = await randomMoves(volume, random, options.movesPerRound ?? 25)
        for await (const { move, status } of relocateOnImage(filesystem, committer, moves, { reserved: [] })) {
          if (status === 'already') throw new Error(`seed ${seed}: ${JSON.stringify(move)} was there before`)
        }
        if (options.exchangesPerRound === undefined) continue
        const exchanges = await randomExchanges(volume, random, options.exchangesPerRound)
        const suspects = await findSuspects(filesystem, undefined)
        for await (const { status } of renumberOnImage(filesystem, committer, suspects, exchanges, {}))
          if (status === 'renumbered') renumbered++
      }
      await committer.close()
    }
    return new CrashRun(renumbered, options, store, milestones, contents, random, path)
  }

  get transactions(): number {
    return this.milestones.length - 1
  }

  get steps(): number {
    return this.store.steps.length
  }

  /** Cuts the power somewhere. @returns what was lost, in words; undefined when nothing was */
  tryOnce(tool: RecoveryTool): string | undefined {
    const { variety, seed } = this.options
    const point = this.somewhere()
    writeFileSync(this.path, this.store.crash(point, variety.blockSize, this.random))
    const problem = recover(this.path, tool) ?? this.compare(point)
    return problem === undefined
      ? undefined
      : `${variety.name}, seed ${seed}, cut at step ${point} of ${this.store.steps.length}, ${tool}: ${problem}`
  }

  /** Anywhere, but half of the time near a flush: most steps are copies, most dangers lie around commits. */
  private somewhere(): number {
    const {
      random,
      store: { steps },
    } = this
    const flushes = steps.flatMap((step, index) => (step.kind === 'flush' ? [index] : []))
    if (flushes.length === 0 || random.chance(0.5)) return random.between(0, steps.length)
    return Math.max(0, Math.min(steps.length, random.pick(flushes) + random.between(-2, 5)))
  }

  /** Deletes the image. */
  remove(): void {
    rmSync(this.path)
  }

  private compare(point: number): string | undefined {
    const dumps = dumpInodes(this.path)
    const layout = layoutOf(dumps)
    const oldest = this.milestones.findLastIndex(({ durable }) => durable <= point)
    const newest = this.milestones.findLastIndex(({ begun }) => begun <= point)
    if (!this.milestones.slice(oldest, newest + 1).some((milestone) => milestone.layout === layout)) {
      const state = this.milestones.findIndex((milestone) => milestone.layout === layout)
      return state < 0
        ? 'the layout is that of no transaction'
        : `the layout is that after transaction ${state}, not ${oldest} to ${newest}`
    }
    const now = mappedContents(this.path, readFileSync(this.path), dumps, this.options.variety.blockSize)
    for (const [name, hash] of this.contents) if (now.get(name) !== hash) return `${name} changed`
    return now.size === this.contents.size ? undefined : `there are ${now.size} names, not ${this.contents.size}`
  }
}

function recover(path: string, tool: RecoveryTool): string | undefined {
  if (tool === 'kernel') loopMounted(path, () => undefined)
  else {
    const { status, stdout } = run('e2fsck', ['-fy', path], { ok: [0, 1, 4, 8, 12] })
    if (status > 1) return `e2fsck -fy ended with ${status}:\n${stdout}`
    // Replaying is reported in one line; anything it mended is reported with a question and an answer.
    const mended = stdout.split('\n').filter((line) => / yes$|FIXED|CLEARED|\?/.test(line))
    if (mended.length > 0) return `e2fsck had to mend:\n${mended.join('\n')}`
  }
  const { status, stdout } = run('e2fsck', ['-fn', path], { ok: [0, 1, 4, 8, 12] })
  return status === 0 ? undefined : `not clean after the recovery:\n${stdout}`
}

const layoutOf = (dumps: ReadonlyMap<number, InodeDump>): string =>
  JSON.stringify(
    [...dumps.values()].map((dump) => [
      dump.inode,
      [...dump.blocks],
      [...dump.unwritten],
      dump.treeBlocks,
      dump.xattr,
      dump.sectors,
      dump.rest,
    ]),
  )

/** A committer that takes few blocks at a time and says when a transaction began and when it was durable. */
function watched(
  committer: Committer,
  capacity: number,
  store: RecordingStore,
  onCommit: (begun: number, durable: number) => void,
): Committer {
  return {
    capacity: Math.min(capacity, committer.capacity),
    ready: () => committer.ready(),
    commit: async (blocks) => {
      if (blocks.size === 0) return
      const begun = store.steps.length
      await committer.commit(blocks)
      onCommit(begun, Math.max(begun, store.steps.findLastIndex((step) => step.kind === 'flush') + 1))
    },
    close: () => committer.close(),
  }
}
