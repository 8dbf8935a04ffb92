/** A plan's moves by file, for people: what of it moves, from how many pieces to how many. */
import { RunSet } from '../layout/run-set.js'
import { blockRun } from '../layout/run.js'
import type { DiskLayout, FileLayout } from '../layout/file-layout.js'
import type { OwnedKind } from '../layout/owner.js'
import type { MoveReason, PlannedMove } from '../plan/plan.js'

export interface MovedFile {
  readonly inode: number
  readonly path?: string
  readonly kind: OwnedKind
  readonly why: MoveReason
  /** Blocks that move; not more than the file has, however often they are written. */
  readonly blocks: number
  /** Physical runs of these blocks. */
  readonly piecesBefore: number
  readonly piecesAfter: number
  /** Where the first of them lies. */
  readonly from: number
  readonly to: number
}

interface Piece {
  readonly logical: number
  readonly physical: number
  readonly length: number
}

/** The boot's first, each kind in the order in which the plan takes it up; what stops on the way counts once. */
export function movedFiles(rounds: readonly (readonly PlannedMove[])[]): MovedFile[] {
  const owners = new Map<string, PlannedMove[]>()
  for (const move of rounds.flat()) {
    const key = `${move.inode} ${move.kind}`
    const moves = owners.get(key)
    if (moves) moves.push(move)
    else owners.set(key, [move])
  }
  const files = [...owners.values()].map((moves) => {
    const { inode, path, kind, why } = moves[0]!
    const before = firstPlaces(moves)
    const after = moves
      .filter(({ staging }) => !staging)
      .map(({ logical, to, length }) => ({ logical, physical: to, length }))
    return { inode, ...(path !== undefined && { path }), kind, why, ...figures(before, after) }
  })
  return [...files.filter(({ why }) => why === 'boot'), ...files.filter(({ why }) => why !== 'boot')]
}

/** Where blocks were before the first move that takes them. */
function firstPlaces(moves: readonly PlannedMove[]): Piece[] {
  const seen = new RunSet()
  const places: Piece[] = []
  for (const { logical, from, length } of moves) {
    for (const { start, length: part } of [...seen.missingFrom(blockRun(logical, length))]) {
      places.push({ logical: start, physical: from + (start - logical), length: part })
    }
    seen.add(blockRun(logical, length))
  }
  return places
}

function figures(
  before: readonly Piece[],
  after: readonly Piece[],
): Pick<MovedFile, 'blocks' | 'piecesBefore' | 'piecesAfter' | 'from' | 'to'> {
  const [old, now] = [sorted(before), sorted(after)]
  return {
    blocks: before.reduce((sum, { length }) => sum + length, 0),
    piecesBefore: countRuns(old),
    piecesAfter: countRuns(now),
    from: old[0]?.physical ?? 0,
    to: now[0]?.physical ?? 0,
  }
}

const sorted = (pieces: readonly Piece[]): Piece[] => [...pieces].sort((a, b) => a.logical - b.logical)

function countRuns(pieces: readonly Piece[]): number {
  let runs = 0
  let end: number | undefined
  for (const { physical, length } of pieces) {
    if (physical !== end) runs++
    end = physical + length
  }
  return runs
}

/** Files of a boot whose blocks lie elsewhere on another layout; paired by name, else by number. */
export function differingFiles(before: DiskLayout, after: DiskLayout, order: readonly number[]): MovedFile[] {
  const byPath = new Map(
    [...after.values()].flatMap((file) => (file.path === undefined ? [] : [[file.path, file] as const])),
  )
  return order.flatMap((inode) => {
    const old = before.get(inode)
    const now = old?.path === undefined ? after.get(inode) : byPath.get(old.path)
    if (!old || !now || samePlaces(old, now)) return []
    const { path, kind } = old
    return [{ inode, ...(path !== undefined && { path }), kind, why: 'boot', ...figures(old.extents, now.extents) }]
  })
}

const samePlaces = (a: FileLayout, b: FileLayout): boolean =>
  a.extents.length === b.extents.length &&
  a.extents.every(({ logical, physical, length }, i) => {
    const other = b.extents[i]!
    return logical === other.logical && physical === other.physical && length === other.length
  })
