/**
 * What packing is for, as one number: milliseconds that a disk spends.
 *
 * A layout is bought with writing and paid back boot by boot. With T(L) the time a disk
 * needs for the boot's reads on the layout L, W the time it needs for the moves that lead
 * there (every run read where it lies and written where it goes), and N boots over which
 * the writing is spread, everything that is to be decided follows from
 *
 *     total = N x T(after) + W
 *
 *   - of two ways to pack, that of the smaller total is taken;
 *   - a plan is worth its bytes when its total is below N x T(before), which is what
 *     doing nothing costs;
 *   - a layout is noticeably better when T falls by more than what a model can tell
 *     apart. That is asked besides, because no number of boots repays what is not there.
 *
 * T and W come from a disk model and from nothing else: the device is the objective. The
 * searches for places (window.ts, slot-window.ts) cannot afford a whole model for each of
 * a million candidates; they add up weights, which are the same time counted in blocks
 * written once, and what they find is judged by the total.
 */
import { defaultDisk, diskModels, type DiskModel } from '../measure/disk-model.js'
import type { LayoutMeasure } from '../measure/layout-measure.js'
import type { Move } from '../volume/volume.js'

/** Boots over which the one-off cost of writing is spread. */
export const bootsPerPacking = 10

/**
 * Share of a boot's modelled time that must be gained. Less is noise: packing a packed
 * disk again would write everything once more for a few milliseconds.
 */
export const noticeableShare = 0.01

/** What a search adds up for a stretch of the disk, in blocks written once. */
export interface PlaceWeights {
  /**
   * For a stretch a whole disk away from the goal, in shares of what is placed: boots go
   * back and forth between it and what never moves, every time.
   */
  readonly distance: number
  /** For every break in the stretch, in shares of what is placed. */
  readonly gap: number
}

/** A way to pack, as far as it costs anything. */
export interface Priced {
  readonly predicted: LayoutMeasure
  readonly rounds: readonly (readonly Move[])[]
}

/** What a plan gives and takes on one kind of disk. */
export interface Balance {
  /** Disk model. */
  readonly disk: string
  readonly bytesWritten: number
  /** Modelled milliseconds of one boot. */
  readonly beforeMs: number
  readonly afterMs: number
  /** Modelled milliseconds of the moves: every run read where it is and written where it goes. */
  readonly writingMs: number
  /** What is gained over the boots that the writing is spread over, less the writing. */
  readonly netMs: number
  /** Whether it should be done. */
  readonly worthIt: boolean
}

export interface WeighedPlan {
  readonly measure: { readonly before: LayoutMeasure; readonly predicted: LayoutMeasure }
  readonly rounds: readonly (readonly Move[])[]
  readonly cost: { readonly bytesWritten: number }
  readonly volume: DiskSize
}

export interface DiskSize {
  /** Bytes. */
  readonly blockSize: number
  readonly blockCount: number
}

export interface Objective {
  readonly disk: DiskModel
  /** What layouts are measured by: the disks everybody is shown, and this one. */
  readonly models: readonly DiskModel[]
  readonly weights: PlaceWeights
  /** Modelled milliseconds of a boot; the measure must be one by `models`. */
  bootMs(measure: LayoutMeasure): number
  /** Modelled milliseconds of carrying out moves. */
  movesMs(rounds: Priced['rounds'], size: DiskSize): number
  /** Milliseconds of the moves and of the boots that have to repay them; of two ways the smaller is better. */
  totalMs(way: Priced, size: DiskSize): number
  /** Promise 5, never worse: whether a boot takes noticeably less time than it did. */
  isBetter(after: LayoutMeasure, before: LayoutMeasure): boolean
  /** Whether a plan is worth its bytes. */
  weigh(plan: WeighedPlan): Balance
}

/** @param disk what is packed for */
export function objectiveFor(disk: DiskModel = defaultDisk): Objective {
  const bootMs = ({ modelMs }: LayoutMeasure): number => {
    const found = modelMs[disk.name]
    if (found === undefined) throw new TypeError(`the layout was not measured by the disk model ${disk.name}`)
    return found
  }
  const movesMs = (rounds: Priced['rounds'], { blockSize, blockCount }: DiskSize): number =>
    disk.milliseconds(
      rounds.flat().flatMap(({ from, to, length }) => [
        { start: from, length },
        { start: to, length },
      ]),
      blockSize,
      blockCount,
    )
  return {
    disk,
    models: diskModels.some(({ name }) => name === disk.name) ? diskModels : [...diskModels, disk],
    weights: { distance: 4, gap: 1 / 8 },
    bootMs,
    movesMs,
    totalMs: ({ predicted, rounds }, size) => bootsPerPacking * bootMs(predicted) + movesMs(rounds, size),
    isBetter: (after, before) => bootMs(after) < bootMs(before) * (1 - noticeableShare),
    weigh: ({ measure, rounds, cost, volume }) => {
      const [beforeMs, afterMs] = [bootMs(measure.before), bootMs(measure.predicted)]
      const writingMs = movesMs(rounds, volume)
      const netMs = bootsPerPacking * (beforeMs - afterMs) - writingMs
      return {
        disk: disk.name,
        bytesWritten: cost.bytesWritten,
        beforeMs,
        afterMs,
        writingMs,
        netMs,
        worthIt: netMs > 0,
      }
    },
  }
}
