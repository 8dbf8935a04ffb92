import { referenceModel } from '../measure/disk-model.js'
import type { LayoutMeasure } from '../measure/layout-measure.js'

/**
 * Promise 5, never worse: a layout is better when the reference disk would spend
 * less time on the boot. Equal is not better.
 */
export const isBetter = (after: LayoutMeasure, before: LayoutMeasure): boolean =>
  after.modelMs[referenceModel]! < before.modelMs[referenceModel]!
