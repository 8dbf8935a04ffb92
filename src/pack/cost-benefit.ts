import { referenceModel } from '../measure/disk-model.js'
import type { LayoutMeasure } from '../measure/layout-measure.js'
import { bootsPerPacking } from '../plan/create-plan.js'
import { movesTime } from '../plan/schedule/moves-time.js'
import type { Plan } from '../plan/plan.js'

/**
 * Share of the boot's modelled time that must be gained. Less is noise: packing a
 * packed disk again would write everything once more for a few milliseconds.
 */
const leastGain = 0.01

/**
 * Promise 5, never worse: a layout is better when the reference disk would spend
 * noticeably less time on the boot.
 */
export const isBetter = (after: LayoutMeasure, before: LayoutMeasure): boolean =>
  after.modelMs[referenceModel]! < before.modelMs[referenceModel]! * (1 - leastGain)

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

/**
 * Whether a plan is worth its bytes: ten boots (bootsPerPacking) must gain more time
 * than the disk spends on the moves. A few files that come back cost little and may
 * gain little; for a packing of everything this asks for more than leastGain does.
 */
export function weigh(
  { measure, rounds, cost, volume }: Pick<Plan, 'measure' | 'rounds' | 'cost' | 'volume'>,
  disk = referenceModel,
): Balance {
  const beforeMs = measure.before.modelMs[disk]!
  const afterMs = measure.predicted.modelMs[disk]!
  const writingMs = movesTime(rounds, volume.blockSize, volume.blockCount, disk)
  const netMs = bootsPerPacking * (beforeMs - afterMs) - writingMs
  return {
    disk,
    bytesWritten: cost.bytesWritten,
    beforeMs,
    afterMs,
    writingMs,
    netMs,
    worthIt: netMs > 0,
  }
}
