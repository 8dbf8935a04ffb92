/**
 * One round of moves: claim every target, carve file by file, give back what is not
 * needed any more.
 *
 * Between rounds the engine keeps what later rounds want (`reserved`): blocks that
 * a file left stay in our hands until their new owner gets them, so that nobody
 * else's write can take them in between. All of it is in nameless files; whatever
 * ends the process gives it back.
 */
import { setImmediate as breathe } from 'node:timers/promises'
import { filesystemSpace } from '../../kernel/statfs.js'
import { syncFilesystem } from '../../kernel/syncfs.js'

import type { BlockRun } from '../../layout/run.js'
import { RunSet } from '../../layout/run-set.js'
import type { StayReason } from '../../layout/reason.js'
import type { Move, MoveOutcome, RelocateOptions, Stayed } from '../../volume/volume.js'
import { carveFile, type Carved } from '../exchange/swap-in.js'
import { claimBlocks, claimSome, type ClaimContext, type Claimed } from '../reserve/claim.js'
import { freeSpace } from '../view/space-map.js'

export interface RelocateContext extends ClaimContext {
  readonly blocksPerPage: number
  readonly swapFiles: () => ReadonlySet<number>
  /** Inodes that somebody holds a lease of now. */
  readonly leased: () => ReadonlySet<number>
}

/** Files carved between two flushes of the filesystem, and blocks. */
const batchFiles = 64
const batchBlocks = 16_384

export async function* relocateLive(
  context: RelocateContext,
  moves: readonly Move[],
  options: RelocateOptions,
): AsyncGenerator<MoveOutcome, void, undefined> {
  const { root, geometry, holdings } = context
  const possible: Move[] = []
  for (const move of moves) {
    const why = refusalOf(move, geometry.blockCount)
    if (why === undefined) possible.push(move)
    else yield { move, status: 'skipped', ...why }
  }
  if (possible.length === 0) return
  const kept =
    options.keepReserved === false ? new RunSet() : RunSet.of(options.reserved.filter(({ length }) => length > 0))
  let done = 0
  const onMoved = (blocks: number): void => options.onProgress?.((done += blocks))
  try {
    for (let waiting = possible; waiting.length > 0;) {
      // What others freed, and what we gave back, is free only after a commit.
      syncFilesystem(root)
      const { missing, crowded } = claimTargets(context, RunSet.of(waiting.map(targetOf)), kept)
      const ready = crowded ? waiting.filter((move) => holdings.holds(targetOf(move))) : waiting
      // With no room for even one, all are tried, and fail with their reasons.
      const now = ready.length > 0 ? ready : waiting
      yield* carveFiles(context, now, freeAmong(context, missing), options, onMoved)
      const carved = new Set(now)
      waiting = waiting.filter((move) => !carved.has(move))
      if (waiting.length > 0) holdings.release(RunSet.of(waiting.map(targetOf)))
    }
  } finally {
    holdings.release(roomLeft(context) ? kept : new RunSet())
    syncFilesystem(root)
  }
}

const targetOf = ({ to, length }: Move): BlockRun => ({ start: to, length })

/** Carves what is claimed, file by file; flushes now and then. */
async function* carveFiles(
  context: RelocateContext,
  moves: readonly Move[],
  unclaimed: RunSet,
  { signal }: RelocateOptions,
  onMoved: (blocks: number) => void,
): AsyncGenerator<MoveOutcome, void, undefined> {
  const { root, geometry, holdings, blocksPerPage } = context
  const carving = {
    root,
    blockSize: geometry.blockSize,
    blocksPerPage,
    holdings,
    swapFiles: context.swapFiles(),
    unclaimed,
    onMoved,
  }
  const files = byInode(moves)
  for (let next = 0; next < files.length;) {
    if (signal?.aborted) {
      for (const [, own] of files.slice(next))
        for (const move of own) yield { move, status: 'skipped', reason: 'interrupted' }
      return
    }
    const batch: Carved[] = []
    const leased = context.leased()
    let blocks = 0
    try {
      while (next < files.length && batch.length < batchFiles && blocks < batchBlocks && !signal?.aborted) {
        const [inode, own] = files[next++]!
        batch.push(carveFile({ ...carving, leased }, inode, own))
        blocks += own.reduce((sum, { length }) => sum + length, 0)
      }
    } finally {
      syncFilesystem(root)
      for (const { finish } of batch) finish()
    }
    for (const { outcomes } of batch) yield* outcomes
    // Signals and timers get their turn; the calls above block.
    await breathe()
  }
}

/**
 * Targets of this round first; then, if there is room, what later rounds want and is free already.
 */
function claimTargets(context: RelocateContext, targets: RunSet, kept: RunSet): Claimed {
  const claimed = claimSome(context, targets)
  if (claimed.missing.size === 0 && roomLeft(context)) claimBlocks(context, RunSet.of([...kept, ...targets]))
  return claimed
}

/** Of blocks that could not be had, those that are nobody's: room ran out on the way to them. */
function freeAmong({ root, geometry }: RelocateContext, missing: RunSet): RunSet {
  const free = new RunSet()
  for (const run of missing) for (const part of freeSpace(root, geometry.blockSize, run)) free.add(part)
  return free
}

/** Whether others still find room beside what we hold: a sixteenth of what there was, or 64 MiB. */
function roomLeft({ root, geometry, holdings }: RelocateContext): boolean {
  const { available } = filesystemSpace(root)
  return available >= Math.min((available + holdings.blocks().blocks) / 16, (64 << 20) / geometry.blockSize)
}

function refusalOf({ kind, to, from, length }: Move, blockCount: number): Stayed<StayReason> | undefined {
  if (kind !== 'data') return { reason: 'mounted' }
  const inside =
    Number.isSafeInteger(length) &&
    length > 0 &&
    to >= 0 &&
    to + length <= blockCount &&
    from >= 0 &&
    from + length <= blockCount
  return inside ? undefined : { reason: 'invalid', detail: 'it leads outside the filesystem' }
}

/** Moves by file, files in the order of their first target; a target that another move has is left out of nothing: it fails when it is due. */
function byInode(moves: readonly Move[]): [inode: number, moves: Move[]][] {
  const files = new Map<number, Move[]>()
  for (const move of [...moves].sort((a, b) => a.to - b.to)) {
    const own = files.get(move.inode)
    if (own) own.push(move)
    else files.set(move.inode, [move])
  }
  return [...files]
}
