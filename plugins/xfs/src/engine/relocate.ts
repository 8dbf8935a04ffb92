/**
 * Moves with exact targets on XFS. A file's blocks are claimed exactly (claim.ts), its
 * contents are copied into them, and both exchange in one transaction that the kernel
 * refuses if the file was changed meanwhile.
 *
 * With the feature exchange any run of a file can move by itself. Without it files
 * exchange as wholes only: a file of which a round moves a part waits for the round that
 * completes it, if the plan has one, and is skipped if not. A target that cannot be
 * claimed is skipped too, with the distance of what the kernel offered: the file stays
 * where it was.
 */
import { closeSync, constants, ftruncateSync } from 'node:fs'
import { BootpackError } from 'bootpack'
import {
  blockRun,
  RunSet,
  type Move,
  type MoveOutcome,
  type RelocateOptions,
  type Stayed,
  type StayReason,
} from 'bootpack/engine'
import { failedWith } from 'bootpack/kernel'
import { xfsInode, type XfsInode } from '../kernel/bulkstat.js'
import { collapseRange } from '../kernel/collapse-range.js'
import { tryCommitRange } from '../kernel/exchange-range.js'
import { xfsExtents, type XfsExtent } from '../kernel/getbmapx.js'
import { GroupDirectories } from '../filesystem/group-directories.js'
import type { XfsFilesystem } from '../filesystem/xfs-filesystem.js'
import { checkFile } from '../fsr/check-file.js'
import { countExtents, withinSize } from '../fsr/layout.js'
import type { MappedFiles } from '../fsr/mapped-files.js'
import { Leave, type ReasonCode } from '../fsr/outcome.js'
import { refuseErrno, rememberTarget, swapContents, type Before } from '../fsr/swap.js'
import { TemporaryCopy } from '../fsr/temporary-copy.js'
import { Claimer, Collector } from './claim.js'

export interface RelocateContext {
  readonly filesystem: XfsFilesystem
  readonly mapped: MappedFiles
  /** Moves of earlier rounds that wait for the rest of their file, by inode. */
  readonly waiting: Map<number, readonly Move[]>
}

/** What keeps fsr from a file, in the words of a volume. */
const reasonOfCode: Readonly<Record<Exclude<ReasonCode, 'gone'>, StayReason>> = {
  'not-regular': 'not-regular',
  empty: 'changed',
  'mandatory-lock': 'locked',
  'no-room': 'no-space',
  'not-reached': 'taken',
  immutable: 'immutable',
  'append-only': 'append-only',
  'no-defrag': 'no-defrag',
  realtime: 'no-call',
  shared: 'reflinked',
  mapped: 'mapped-for-writing',
  executing: 'running',
  'already-best': 'not-accepted',
  'no-improvement': 'not-accepted',
  modified: 'changed',
  busy: 'busy',
  'not-accepted': 'not-accepted',
  error: 'failed',
}

/** The file cannot go yet: a later round moves the rest of it. */
class Wait extends Error {}

export async function* relocateXfs(
  context: RelocateContext,
  moves: readonly Move[],
  options: RelocateOptions,
): AsyncGenerator<MoveOutcome, void, undefined> {
  const { filesystem } = context
  const directories = new GroupDirectories(filesystem)
  const claimer = new Claimer(filesystem, directories)
  let copied = 0
  // Freed blocks can be had only after the log has been written.
  filesystem.sync()
  try {
    for (const ofFile of waitingFirst(byInode(moves), context.waiting)) {
      await new Promise((resolve) => setImmediate(resolve))
      if (options.signal?.aborted) return
      const outcomes = relocateFile(context, directories, claimer, ofFile, RunSet.of(options.reserved))
      copied += ofFile.reduce((sum, { length }) => sum + length, 0)
      options.onProgress?.(copied)
      yield* outcomes
    }
  } finally {
    claimer.release()
    filesystem.sync()
  }
}

function byInode(moves: readonly Move[]): Move[][] {
  const files = new Map<number, Move[]>()
  for (const move of moves) files.set(move.inode, [...(files.get(move.inode) ?? []), move])
  return [...files.values()].map((ofFile) => ofFile.sort((a, b) => a.logical - b.logical))
}

/** Files that waited go first: others may need the blocks they leave. */
const waitingFirst = (files: readonly Move[][], waiting: RelocateContext['waiting']): Move[][] => [
  ...files.filter(([move]) => waiting.has(move!.inode)),
  ...files.filter(([move]) => !waiting.has(move!.inode)),
]

function relocateFile(
  context: RelocateContext,
  directories: GroupDirectories,
  claimer: Claimer,
  now: readonly Move[],
  planned: RunSet,
): MoveOutcome[] {
  const { inode } = now[0]!
  const earlier = context.waiting.get(inode) ?? []
  const { moves, passedOver } = joined(earlier, now)
  const all = (
    outcome: { readonly status: 'gone' } | ({ readonly status: 'skipped' } & Stayed<StayReason>),
  ): MoveOutcome[] => [...earlier, ...now].map((move) => ({ move, ...outcome }))
  try {
    context.waiting.delete(inode)
    const outcomes = attempt(context, directories, claimer, moves, planned)
    const original = new Map([...earlier, ...now].map((move) => [`${move.logical}:${move.to}`, move]))
    return [
      ...outcomes.map((outcome) => ({
        ...outcome,
        move: original.get(`${outcome.move.logical}:${outcome.move.to}`) ?? outcome.move,
      })),
      ...passedOver.map((move): MoveOutcome => ({
        move,
        status: 'skipped',
        reason: 'passed-over',
      })),
    ]
  } catch (error) {
    if (error instanceof Wait) {
      context.waiting.set(inode, [...earlier, ...now])
      return []
    }
    if (error instanceof Leave) {
      if (error.code === 'gone') return all({ status: 'gone' })
      return all({ status: 'skipped', reason: reasonOfCode[error.code], detail: error.reason })
    }
    if (failedWith(error, 'ESTALE', 'ENOENT')) return all({ status: 'gone' })
    if (failedWith(error, 'ETXTBSY')) return all({ status: 'skipped', reason: 'running' })
    if (error instanceof BootpackError) return all({ status: 'skipped', reason: 'failed', detail: error.message })
    throw error
  }
}

/**
 * Moves that waited and those of this round as one list. What was to stop somewhere on
 * the way has not left yet: it goes from its first place straight to the last.
 */
function joined(earlier: readonly Move[], now: readonly Move[]): { moves: Move[]; passedOver: Move[] } {
  const stops = new Map(earlier.map((move) => [`${move.logical}:${move.length}`, move]))
  const passedOver: Move[] = []
  const moves = now.map((move) => {
    const stop = stops.get(`${move.logical}:${move.length}`)
    if (!stop || stop.to !== move.from) return move
    passedOver.push(stop)
    return { ...move, from: stop.from }
  })
  return {
    moves: [...earlier.filter((move) => !passedOver.includes(move)), ...moves].sort((a, b) => a.logical - b.logical),
    passedOver,
  }
}

function attempt(
  context: RelocateContext,
  directories: GroupDirectories,
  claimer: Claimer,
  moves: readonly Move[],
  planned: RunSet,
): MoveOutcome[] {
  const { filesystem, mapped } = context
  const { blockSize } = filesystem.geometry
  const inode = xfsInode(filesystem.root, moves[0]!.inode)
  if (!inode || moves.some(({ kind }) => kind !== 'data'))
    throw new Leave(
      'skipped',
      inode ? 'not-accepted' : 'gone',
      inode ? 'only the data of files can be moved here' : 'was deleted meanwhile',
    )
  const reader = filesystem.openInode(inode, constants.O_RDONLY | constants.O_NONBLOCK)
  let attributes: ReturnType<typeof checkFile>
  try {
    xfsExtents(reader)
    attributes = checkFile(filesystem, reader, inode)
  } finally {
    closeSync(reader)
  }
  const target = filesystem.openInode(inode, constants.O_RDWR | constants.O_DIRECT)
  try {
    const before = rememberTarget(filesystem, target, inode.inode)
    const layout = withinSize(xfsExtents(target), before.inode.size, blockSize)
    const pending = moves.filter((move) => !lies(layout, move, move.to, blockSize))
    if (pending.length === 0) return moves.map((move) => ({ move, status: 'already' }))
    for (const move of pending) {
      if (!lies(layout, move, move.from, blockSize))
        throw new Leave('skipped', 'modified', `its blocks no longer lie at ${move.from}`)
    }
    if (layout.some(({ shared }) => shared))
      throw new Leave('skipped', 'shared', 'shares blocks with another file, and a copy would part them')
    const parts = before.freshness !== undefined
    if (!parts) {
      refusePart(layout, pending, blockSize, planned)
      refuseMoreExtents(layout, pending, blockSize)
    }
    const holder = mapped.holder(inode.inode, 100, 'stored')
    if (holder !== undefined)
      throw new Leave('skipped', 'mapped', `file busy: process ${holder} may store into it at any moment`)
    const copy = TemporaryCopy.create(
      filesystem,
      directories,
      filesystem.groupOfBlock(pending[0]!.to),
      before.inode,
      attributes,
    )
    try {
      place(copy, claimer, pending, before.inode, blockSize)
      const wanted = pieces(layout, pending, blockSize)
      refuseOtherPlaces(copy, wanted, pending, blockSize)
      copy.fill(target, before.inode, wanted)
      if (parts) commit(target, copy.fd, before, pending, blockSize)
      else swapContents(target, copy.fd, before)
      const after = xfsExtents(target)
      return moves.map((move) =>
        !pending.includes(move)
          ? { move, status: 'already' }
          : lies(after, move, move.to, blockSize)
            ? { move, status: 'moved' }
            : { move, status: 'skipped', reason: 'unconfirmed' },
      )
    } finally {
      copy.close()
    }
  } finally {
    closeSync(target)
  }
}

/** Whether all blocks of a move are at `place` now. */
function lies(layout: readonly XfsExtent[], { logical, length }: Move, place: number, blockSize: number): boolean {
  const from = logical * blockSize
  const end = from + length * blockSize
  const shift = (place - logical) * blockSize
  let at = from
  for (const each of layout) {
    if (each.logical + each.length <= at) continue
    if (each.logical > at || each.physical - each.logical !== shift) return false
    at = each.logical + each.length
    if (at >= end) return true
  }
  return false
}

/** @throws Wait when the plan moves the rest of the file too, Leave when it does not */
function refusePart(layout: readonly XfsExtent[], moves: readonly Move[], blockSize: number, planned: RunSet): void {
  const staying = RunSet.of(layout.map(({ physical, length }) => blockRun(physical / blockSize, length / blockSize)))
  const blocks = staying.blocks
  for (const { from, length } of moves) staying.remove(blockRun(from, length))
  if (staying.blocks === 0) return
  if ([...staying].every((run) => planned.contains(run))) throw new Wait()
  throw new Leave(
    'skipped',
    'not-accepted',
    `without the feature exchange XFS exchanges whole files only, and ${blocks - staying.blocks} of ${blocks} blocks were to move`,
  )
}

/** SWAPEXT never gives a file more extents than it has, so what was joined cannot be parted again. */
function refuseMoreExtents(layout: readonly XfsExtent[], moves: readonly Move[], blockSize: number): void {
  const now = countExtents(layout)
  const then = countExtents(
    pieces(layout, moves, blockSize).map((piece) => {
      const move = moves.find(
        ({ logical, length }) => piece.logical >= logical * blockSize && piece.logical < (logical + length) * blockSize,
      )!
      return { ...piece, physical: piece.logical + (move.to - move.logical) * blockSize }
    }),
  )
  if (then > now)
    throw new Leave(
      'skipped',
      'not-accepted',
      `without the feature exchange the kernel does not give a file more extents than it has (${now} now, ${then} planned)`,
    )
}

/** Claims each target and brings it to its place in the temporary file. */
function place(
  copy: TemporaryCopy,
  claimer: Claimer,
  moves: readonly Move[],
  { size }: XfsInode,
  blockSize: number,
): void {
  const collector = new Collector(copy.fd)
  const claimed = moves.map((move) => {
    const result = claimer.claim(collector, blockRun(move.to, move.length))
    if (!result.claimed) throw new Leave('skipped', 'not-reached', result.why)
    return { at: result.at, logical: move.logical * blockSize, length: move.length * blockSize }
  })
  // From the front, since collapsing moves everything behind.
  let shift = 0
  let end = 0
  for (const { at, logical, length } of claimed) {
    const surplus = at - shift - logical
    if (surplus < 0) throw new Leave('skipped', 'not-reached', 'its place in the file could not be made')
    if (surplus > 0) collapseRange(copy.fd, end, surplus)
    shift += surplus
    end = logical + length
  }
  ftruncateSync(copy.fd, Math.max(size, end))
}

/** The extents that move, as they are in the target. */
function pieces(layout: readonly XfsExtent[], moves: readonly Move[], blockSize: number): XfsExtent[] {
  return layout.flatMap((each) =>
    moves.flatMap(({ logical, length }) => {
      const from = Math.max(each.logical, logical * blockSize)
      const end = Math.min(each.logical + each.length, (logical + length) * blockSize)
      return end > from
        ? [{ ...each, logical: from, physical: each.physical + from - each.logical, length: end - from }]
        : []
    }),
  )
}

/** Before a byte is copied: every block of the temporary file is where it must be, and there are no others. */
function refuseOtherPlaces(
  copy: TemporaryCopy,
  wanted: readonly XfsExtent[],
  moves: readonly Move[],
  blockSize: number,
): void {
  const held = copy.extents()
  const blocks = (extents: readonly XfsExtent[]): number =>
    extents.reduce((sum, { length }) => sum + length / blockSize, 0)
  if (blocks(held) !== blocks(wanted) || !moves.every((move) => lies(held, move, move.to, blockSize))) {
    throw new Leave('skipped', 'not-reached', 'the claimed blocks did not come to their places')
  }
}

/** Exchanges run by run; neighbours in the file go together. */
function commit(
  target: number,
  temporary: number,
  { inode, freshness }: Before,
  moves: readonly Move[],
  blockSize: number,
): void {
  for (let i = 0; i < moves.length;) {
    const from = moves[i]!.logical * blockSize
    let end = from
    for (; i < moves.length && moves[i]!.logical * blockSize === end; i++) end += moves[i]!.length * blockSize
    const length = Math.min(end, inode.size) - from
    refuseErrno(tryCommitRange({ target, temporary, targetFrom: from, temporaryFrom: from, length }, freshness!))
  }
}
