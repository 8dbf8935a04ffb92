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
 *
 * A used disk has tens of thousands of segments, a large one a million, so they are kept
 * as columns of numbers and become objects only when a window is described.
 */
import { lowerBound } from '../../lower-bound.js'
import { fileBlock, fsBlock, type FsBlock } from '../../layout/block.js'
import { runEnd, type BlockRun } from '../../layout/run.js'
import type { RunSet } from '../../layout/run-set.js'
import type { GapCause } from '../../layout/gap-cause.js'
import { isOwnedKind, type OwnedKind, type OwnedRun } from '../../layout/owner.js'

export type SegmentClass = 'free' | 'boot' | 'cold' | 'fixed'

export interface Segment extends BlockRun {
  readonly class: SegmentClass
  /** Who holds it: always for cold. */
  readonly owner?: OwnedRun
  /** Why it is fixed. */
  readonly cause?: GapCause
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
  /** Others longer than this have nowhere to go. */
  readonly longest?: number
  /** Owners to be taken as if nobody knew them. */
  readonly unseen?: (owner: OwnedRun) => boolean
}

const code = { free: 0, boot: 1, cold: 2, fixed: 3, tooShort: 4 } as const
const classOfCode: readonly SegmentClass[] = ['free', 'boot', 'cold', 'fixed', 'fixed']
const nobody = -1

export class Terrain {
  private count = 0
  private starts: Float64Array
  private codes: Uint8Array
  /** Index into input.owned and then into leftovers, or nobody. */
  private owners: Int32Array
  /** Parts of extents whose other parts are to be placed; they can be moved by themselves. */
  private readonly leftovers: OwnedRun[] = []
  private readonly end: number
  private readonly usableBefore: Float64Array
  private readonly coldBefore: Float64Array
  private readonly gapsBefore: Float64Array

  private readonly input: TerrainInput

  constructor(input: TerrainInput) {
    this.input = input
    this.end = runEnd(input.region)
    // Most segments lie against each other; push makes more room where they do not.
    const expected = input.owned.length + input.free.size + 2 * input.boot.size + 16
    this.starts = new Float64Array(expected)
    this.codes = new Uint8Array(expected)
    this.owners = new Int32Array(expected)
    this.classify()
    this.usableBefore = new Float64Array(this.count + 1)
    this.coldBefore = new Float64Array(this.count + 1)
    this.gapsBefore = new Float64Array(this.count + 1)
    this.sumUp()
    if (input.shortest > 1) this.raiseShortest(input.shortest)
  }

  /** From now on usable runs shorter than this count as fixed too. */
  raiseShortest(shortest: number): void {
    this.dropShort(shortest)
    this.sumUp()
  }

  private sumUp(): void {
    const { starts, codes, count, usableBefore, coldBefore, gapsBefore } = this
    let usable = 0
    let cold = 0
    let gaps = 0
    let inGap = false
    for (let i = 0; i < count; i++) {
      const length = (i + 1 < count ? starts[i + 1]! : this.end) - starts[i]!
      if (codes[i]! < code.fixed) {
        usable += length
        inGap = false
      } else if (!inGap) {
        gaps++
        inGap = true
      }
      if (codes[i] === code.cold) cold += length
      usableBefore[i + 1] = usable
      coldBefore[i + 1] = cold
      gapsBefore[i + 1] = gaps
    }
  }

  get usableBlocks(): number {
    return this.usableBefore[this.count]!
  }

  /** Usable blocks before a block. */
  usableUpTo(block: number): number {
    const i = this.indexOf(block)
    const inside = this.isUsable(i) ? Math.max(0, Math.min(block, this.endOf(i)) - this.starts[i]!) : 0
    return this.usableBefore[i]! + inside
  }

  /** The first block such that `usable` usable blocks lie before it; undefined if there are not as many. */
  blockAfterUsable(usable: number): FsBlock | undefined {
    if (usable > this.usableBlocks || usable <= 0) return undefined
    const low = lowerBound(this.count - 1, (place) => this.usableBefore[place + 1]! >= usable)
    return fsBlock(this.starts[low]! + (usable - this.usableBefore[low]!))
  }

  /**
   * Visits the windows of `length` usable blocks that are worth looking at: those
   * that begin where a segment begins, and those that end where one ends, so that no
   * extent is cut there. Both ends only ever advance, so all of them together cost
   * one pass.
   */
  eachWindow(length: number, visit: (start: FsBlock, evicted: number, gaps: number) => void): void {
    const { starts, count, usableBefore, coldBefore, gapsBefore } = this
    let last = 0
    for (let first = 0; first < count; first++) {
      if (!this.isUsable(first)) continue
      const wanted = usableBefore[first]! + length
      if (wanted > this.usableBlocks) break
      while (usableBefore[last + 1]! < wanted) last++
      visit(
        fsBlock(starts[first]!),
        coldBefore[last + 1]! - coldBefore[first]!,
        gapsBefore[last + 1]! - gapsBefore[first]!,
      )
    }
    let first = 0
    for (let end = 0; end < count; end++) {
      const before = usableBefore[end + 1]! - length
      if (before < 0 || !this.isUsable(end)) continue
      while (usableBefore[first + 1]! <= before) first++
      visit(
        fsBlock(starts[first]! + (before - usableBefore[first]!)),
        coldBefore[end + 1]! - coldBefore[first]!,
        gapsBefore[end + 1]! - gapsBefore[first]!,
      )
    }
  }

  /** The segments that touch [start, end). */
  *touching(start: number, end: number): Generator<Segment> {
    for (let i = this.indexOf(start); i < this.count && this.starts[i]! < end; i++) yield this.segment(i)
  }

  private segment(i: number): Segment {
    const owner = this.ownerAt(this.owners[i]!)
    const kind = classOfCode[this.codes[i]!]!
    return {
      start: fsBlock(this.starts[i]!),
      length: this.endOf(i) - this.starts[i]!,
      class: kind,
      ...(owner && { owner }),
      ...(kind === 'fixed' && { cause: this.codes[i] === code.tooShort ? 'too-short' : this.causeOf(owner) }),
    }
  }

  private ownerAt(index: number): OwnedRun | undefined {
    const { owned } = this.input
    return index < owned.length ? owned[index] : this.leftovers[index - owned.length]
  }

  private causeOf(owner: OwnedRun | undefined): GapCause {
    if (!owner || owner.kind === 'unknown') return 'unknown-owner'
    if (owner.immovable !== undefined && owner.immovable !== 'fixed-metadata') return owner.immovable
    if (!isOwnedKind(owner.kind)) return owner.kind
    return this.input.movable.has(owner.kind) ? 'occupied' : 'mounted'
  }

  private endOf(i: number): number {
    return i + 1 < this.count ? this.starts[i + 1]! : this.end
  }

  private isUsable(i: number): boolean {
    return this.codes[i]! < code.fixed
  }

  /** Index of the segment that holds a block; clamped to the region. */
  private indexOf(block: number): number {
    return lowerBound(this.count - 1, (place) => this.endOf(place) > block)
  }

  private push(start: number, kind: number, owner: number): void {
    const at = this.count++
    if (at === this.starts.length) {
      const larger = Math.ceil(at * 1.5)
      const { starts, codes, owners } = this
      ;(this.starts = new Float64Array(larger)).set(starts)
      ;(this.codes = new Uint8Array(larger)).set(codes)
      ;(this.owners = new Int32Array(larger)).set(owners)
    }
    this.starts[at] = start
    this.codes[at] = kind
    this.owners[at] = owner
  }

  /** Merges free and owned runs, both sorted; what neither names belongs to somebody we cannot see. */
  private classify(): void {
    const { region, free, owned, boot, unseen } = this.input
    let at: number = region.start
    const upTo = (start: number): void => {
      if (start > at) this.push(at, code.fixed, nobody)
    }
    let nextOwned = 0
    const takeOwned = (before: number): void => {
      for (; nextOwned < owned.length && owned[nextOwned]!.start < before; nextOwned++) {
        const owner = owned[nextOwned]!
        if (unseen?.(owner)) continue
        const start = Math.max(owner.start, region.start)
        const end = Math.min(owner.start + owner.length, this.end)
        if (end <= start || start < at) continue
        upTo(start)
        const inside: BlockRun =
          start === owner.start && end === owner.start + owner.length
            ? owner
            : { start: fsBlock(start), length: end - start }
        if (boot.intersects(inside)) this.pushBootParts(inside, nextOwned, inside === owner)
        else this.push(start, inside === owner && this.mayLeave(owner) ? code.cold : code.fixed, nextOwned)
        at = end
      }
    }
    for (const run of free.within(region)) {
      takeOwned(run.start)
      if (run.start < at) continue
      upTo(run.start)
      this.push(run.start, code.free, nobody)
      at = runEnd(run)
    }
    takeOwned(this.end)
    upTo(this.end)
  }

  private mayLeave(owner: OwnedRun): boolean {
    const { evict, movable, stubborn, longest = Infinity } = this.input
    return (
      evict &&
      owner.length <= longest &&
      owner.immovable === undefined &&
      isOwnedKind(owner.kind) &&
      movable.has(owner.kind) &&
      !stubborn.has(owner.start)
    )
  }

  /** A run of which some blocks are to be placed; the others are others like any. */
  private pushBootParts(run: BlockRun, index: number, whole: boolean): void {
    const owner = this.input.owned[index]!
    let at: number = run.start
    const leaveOver = (until: number): void => {
      if (until <= at) return
      if (whole && this.mayLeave(owner)) {
        this.leftovers.push({
          ...owner,
          start: fsBlock(at),
          length: until - at,
          logical: fileBlock(owner.logical + (at - owner.start)),
        })
        this.push(at, code.cold, this.input.owned.length + this.leftovers.length - 1)
      } else {
        this.push(at, code.fixed, index)
      }
    }
    for (const part of this.input.boot.within(run)) {
      leaveOver(part.start)
      this.push(part.start, code.boot, index)
      at = runEnd(part)
    }
    leaveOver(runEnd(run))
  }

  /** Usable stretches shorter than `shortest` are not worth a break. */
  private dropShort(shortest: number): void {
    for (let i = 0; i < this.count;) {
      let end = i
      while (end < this.count && this.isUsable(end)) end++
      if (end > i && this.endOf(end - 1) - this.starts[i]! < shortest) this.codes.fill(code.tooShort, i, end)
      i = Math.max(end, i + 1)
    }
  }
}
