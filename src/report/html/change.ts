/** Before and after in words. */
import { referenceModel } from '../../measure/disk-model.js'
import type { LayoutMeasure } from '../../measure/layout-measure.js'
import { count } from '../../text/units.js'
import type { ReportData } from '../report-data.js'

/** '18 times less', '24 % less', 'none left', 'the same', '3 % more'. */
export function changeText(before: number, after: number): string {
  if (before === after) return 'the same'
  if (after === 0) return 'none left'
  if (before === 0) return 'none before'
  if (after > before)
    return after / before >= 2 ? `${timesText(after / before)} times more` : `${percentText(after / before - 1)} more`
  return before / after >= 2 ? `${timesText(before / after)} times less` : `${percentText(1 - after / before)} less`
}

const timesText = (times: number): string => (times < 10 ? times.toFixed(1).replace(/\.0$/, '') : count(times))

const percentText = (share: number): string => (share < 0.01 ? 'under 1 %' : `${Math.round(share * 100)} %`)

/** The disk whose time stands for all: the one that decides whether packing is worth it, if it was measured. */
export const leadingDisk = ({ disks }: ReportData): string | undefined =>
  disks.some(({ name }) => name === referenceModel) ? referenceModel : disks[0]?.name

export const timeOn = ({ modelMs }: LayoutMeasure, disk: string | undefined): number =>
  disk === undefined ? 0 : (modelMs[disk] ?? 0)
