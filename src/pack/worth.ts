import { referenceModel } from '../measure/disk-model.js'
import type { LayoutMeasure } from '../measure/layout-measure.js'

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
