/**
 * The disk around the goal as the planner sees it: a sorted, gapless list of
 * segments, each free, held by the boot set, held by others who can move, or held
 * for good. With prefix sums over them what a window costs is a few subtractions:
 *
 *   usable  = U(end) - U(start)      blocks that may carry boot data
 *   evicted = C(last) - C(first)     whole extents of others that touch it
 *   gaps    = G(last) - G(first)     runs of fixed blocks strictly inside
 *
 * Others are counted by whole extents because only whole extents are moved: cutting
 * one at the border of the window would fragment its file.
 */
import { fsBlock, type FsBlock } from '../layout/block.js'
import { intersectRuns, runEnd, type BlockRun } from '../layout/run.js'
import type { RunSet } from '../layout/run-set.js'
import { isOwnedKind, type OwnedKind, type OwnedRun } from '../layout/owner.js'

export type SegmentClass = 'free' | 'boot' | 'cold' | 'fixed'

export interface Segment extends BlockRun {
  readonly class: SegmentClass
  /** Who holds it: always for cold, the cause of a gap for fixed. */
  readonly owner?: OwnedRun
  readonly cause?: string
}

export interface TerrainInput {
  readonly region: BlockRun
  readonly free: RunSet
  /** Sorted by start. */
  readonly owned: readonly OwnedRun[]
  /** Blocks of the boot set that are to be placed. */
  readonly boot: RunSet
  readonly movable: ReadonlySet<OwnedKind>
  /** Whether others may be moved out of the way. */
  readonly evict: boolean
  /** Others that proved to have nowhere to go, by first block. */
  readonly stubborn: ReadonlySet<FsBlock>
  /** Usable runs shorter than this count as fixed. */
  readonly shortest: number
}

export class Terrain {
  readonly segments: readonly Segment[]
  private readonly usableBefore: Float64Array
  private readonly coldBefore: Float64Array
  private readonly gapsBefore: Float64Array

  constructor(input: TerrainInput) {
    this.segments = dropShort(classify(input), input.shortest)
    const count = this.segments.length
    this.usableBefore = new Float64Array(count + 1)
    this.coldBefore = new Float64Array(count + 1)
    this.gapsBefore = new Float64Array(count + 1)
    this.segments.forEach((segment, i) => {
      const usable = segment.class !== 'fixed'
      const newGap = !usable && (i === 0 || this.segments[i - 1]!.class !== 'fixed')
      this.usableBefore[i + 1] = this.usableBefore[i]! + (usable ? segment.length : 0)
      this.coldBefore[i + 1] = this.coldBefore[i]! + (segment.class === 'cold' ? segment.length : 0)
      this.gapsBefore[i + 1] = this.gapsBefore[i]! + (newGap ? 1 : 0)
    })
  }

  get usableBlocks(): number {
    return this.usableBefore[this.segments.length]!
  }

  /** Index of the segment that holds a block; clamped to the region. */
  indexOf(block: number): number {
    let low = 0
    let high = this.segments.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (runEnd(this.segments[middle]!) > block) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Usable blocks before a block. */
  usableUpTo(block: number): number {
    const i = this.indexOf(block)
    const segment = this.segments[i]!
    const inside = segment.class === 'fixed' ? 0 : Math.max(0, Math.min(block, runEnd(segment)) - segment.start)
    return this.usableBefore[i]! + inside
  }

  /** The first block such that `usable` usable blocks lie before it; undefined if there are not as many. */
  blockAfterUsable(usable: number): FsBlock | undefined {
    if (usable > this.usableBlocks || usable <= 0) return undefined
    let low = 0
    let high = this.segments.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.usableBefore[middle + 1]! >= usable) high = middle
      else low = middle + 1
    }
    return fsBlock(this.segments[low]!.start + (usable - this.usableBefore[low]!))
  }

  /**
   * Visits the windows of `length` usable blocks that are worth looking at: those
   * that begin where a segment begins, and those that end where one ends, so that no
   * extent is cut there. Both ends only ever advance, so all of them together cost
   * one pass.
   */
  eachWindow(length: number, visit: (start: FsBlock, evicted: number, gaps: number) => void): void {
    const { segments, usableBefore, coldBefore, gapsBefore } = this
    let last = 0
    for (let first = 0; first < segments.length; first++) {
      if (segments[first]!.class === 'fixed') continue
      const wanted = usableBefore[first]! + length
      if (wanted > this.usableBlocks) break
      while (usableBefore[last + 1]! < wanted) last++
      visit(segments[first]!.start, coldBefore[last + 1]! - coldBefore[first]!, gapsBefore[last + 1]! - gapsBefore[first]!)
    }
    let first = 0
    for (let end = 0; end < segments.length; end++) {
      const before = usableBefore[end + 1]! - length
      if (before < 0 || segments[end]!.class === 'fixed') continue
      while (usableBefore[first + 1]! <= before) first++
      visit(fsBlock(segments[first]!.start + (before - usableBefore[first]!)), coldBefore[end + 1]! - coldBefore[first]!, gapsBefore[end + 1]! - gapsBefore[first]!)
    }
  }

  /** The segments that touch [start, end). */
  touching(start: number, end: number): readonly Segment[] {
    return this.segments.slice(this.indexOf(start), this.indexOf(end - 1) + 1)
  }
}

function classify(input: TerrainInput): Segment[] {
  const { region, free, owned, boot } = input
  const segments: Segment[] = []
  let at: number = region.start
  const unknown = (until: number): void => {
    if (until > at) segments.push({ start: fsBlock(at), length: until - at, class: 'fixed', cause: 'unknown-owner' })
    at = Math.max(at, until)
  }
  // Free runs and owned runs are both sorted: merge them.
  const freeRuns = [...free.within(region)]
  let nextFree = 0
  let nextOwned = 0
  while (nextFree < freeRuns.length || nextOwned < owned.length) {
    const freeRun = freeRuns[nextFree]
    const owner = owned[nextOwned]
    if (freeRun && (!owner || freeRun.start < owner.start)) {
      nextFree++
      unknown(freeRun.start)
      segments.push({ ...freeRun, class: 'free' })
      at = runEnd(freeRun)
      continue
    }
    nextOwned++
    const inside = intersectRuns(owner!, region)
    if (!inside || inside.start < at) continue
    unknown(inside.start)
    for (const piece of ownedSegments(owner!, inside, boot, input)) segments.push(piece)
    at = runEnd(inside)
  }
  unknown(runEnd(region))
  return segments
}

/** An owned run is boot, cold or fixed as a whole, or boot in parts and fixed in others. */
function ownedSegments(owner: OwnedRun, inside: BlockRun, boot: RunSet, input: TerrainInput): Segment[] {
  if (boot.intersects(inside)) {
    return [
      ...[...boot.within(inside)].map((run) => ({ ...run, class: 'boot' as const, owner })),
      ...[...boot.missingFrom(inside)].map((run) => ({ ...run, class: 'fixed' as const, owner, cause: 'occupied' })),
    ].sort((a, b) => a.start - b.start)
  }
  const whole = inside.length === owner.length
  const canMove = !owner.immovable && isOwnedKind(owner.kind) && input.movable.has(owner.kind)
  if (canMove && whole && input.evict && !input.stubborn.has(owner.start)) return [{ ...inside, class: 'cold', owner }]
  const cause = isOwnedKind(owner.kind) ? owner.immovable ?? (canMove ? 'occupied' : 'engine') : owner.immovable ?? owner.kind
  return [{ ...inside, class: 'fixed', owner, cause: cause === 'fixed-metadata' ? owner.kind : cause }]
}

/** Turns usable stretches shorter than `shortest` into fixed ones. */
function dropShort(segments: Segment[], shortest: number): Segment[] {
  if (shortest <= 1) return segments
  const kept: Segment[] = []
  for (let i = 0; i < segments.length;) {
    let end = i
    let length = 0
    while (end < segments.length && segments[end]!.class !== 'fixed') length += segments[end++]!.length
    if (end === i) kept.push(segments[i++]!)
    else {
      for (; i < end; i++) kept.push(length >= shortest ? segments[i]! : { ...segments[i]!, class: 'fixed', cause: 'too-short' })
    }
  }
  return kept
}
