import type { LayoutMeasure } from '../measure/layout-measure.js'
import type { Plan } from '../plan/plan.js'
import { measureTable } from './measure-table.js'
import { inodeLines, unsureLines, type Renumbered } from './inode-lines.js'
import { gapLines, nothingToGain, skipLines } from './plan-summary.js'
import { stayLines, type Staying } from './stay-lines.js'
import { bytes, count } from '../text/units.js'

/** The part of an outcome that is told; the pack room's results have these fields. */
interface Applied {
  readonly begun: boolean
  readonly rounds: number
  readonly movedBlocks: number
  readonly unmoved: readonly Staying[]
  readonly interrupted: boolean
  readonly complete: boolean
  readonly inodes?: Renumbered
}

interface Packed {
  readonly plan: Plan
  readonly applied?: Applied
  readonly undone?: Applied
  readonly after?: LayoutMeasure
}

/** @param resume what to do when it was interrupted */
export function packReport({ plan, applied, undone, after }: Packed, resume: string): string {
  if (!applied || !after)
    return `${nothingToGain}\n\n${measureTable({ before: plan.measure.before, predicted: plan.measure.predicted })}`
  const lines = [
    applyReport(applied, resume),
    ...(undone ? [`That would have made the boot slower, so it was put back. ${undoReport(undone, resume)}`] : []),
    writtenLine(plan, applied),
    ...unsureLines(plan),
    ...gapLines(plan),
    ...skipLines(plan.skipped),
    '',
    measureTable({ before: plan.measure.before, after }),
  ]
  if (plan.withEviction)
    lines.push(
      '',
      `With --evict the seeks would go down to ${count(plan.withEviction.predicted.seeks)}, for ${bytes(plan.withEviction.cost.bytesWritten)} written.`,
    )
  return lines.join('\n')
}

/** What was stopped, or met what cannot be moved, has not written what the plan would. */
function writtenLine({ cost, volume }: Plan, { complete, movedBlocks }: Applied): string {
  return complete
    ? `Written: ${bytes(cost.bytesWritten)}, of which ${bytes(cost.evictedBlocks * volume.blockSize)} to move others out of the way.`
    : `Written: ${bytes(movedBlocks * volume.blockSize)} of the ${bytes(cost.bytesWritten)} planned.`
}

/** @param resume what to do when it was interrupted */
export function applyReport(applied: Applied, resume: string): string {
  if (!applied.begun) return nothingToGain
  const head = applied.complete
    ? `Done: ${count(applied.movedBlocks)} blocks moved in ${count(applied.rounds)} round${applied.rounds === 1 ? '' : 's'}; all lie where the plan puts them.`
    : applied.interrupted
      ? `Interrupted after ${count(applied.movedBlocks)} blocks; the filesystem is whole. ${resume}`
      : `Done in part: ${count(applied.movedBlocks)} blocks moved.`
  return [head, ...unmovedLines(applied.unmoved), ...inodeLines(applied.inodes, 'Renumbered')].join('\n')
}

/** @param resume what to do when it was interrupted */
export function undoReport(applied: Applied, resume: string): string {
  const head = applied.complete
    ? `Undone: ${count(applied.movedBlocks)} blocks are back where they came from.`
    : applied.interrupted
      ? `Interrupted when ${count(applied.movedBlocks)} blocks were back; the filesystem is whole. ${resume}`
      : `Undone in part: ${count(applied.movedBlocks)} blocks are back where they came from.`
  return [head, ...unmovedLines(applied.unmoved), ...inodeLines(applied.inodes, 'Numbered as before')].join('\n')
}

export function verifyReport(result: {
  readonly totalBlocks: number
  readonly placedBlocks: number
  readonly misplaced: readonly Staying[]
  readonly inodes?: Renumbered
}): string {
  return [
    `${count(result.placedBlocks)} of ${count(result.totalBlocks)} blocks lie where the plan puts them.`,
    ...stayLines('misplaced', result.misplaced),
    ...inodeLines(result.inodes, 'Verified'),
  ].join('\n')
}

const unmovedLines = (unmoved: readonly Staying[]): string[] => stayLines('not moved', unmoved)
