import { escapePath } from '../text/escape-path.js'
import type { Plan, Skip } from '../plan/plan.js'
import { gapCauses } from '../layout/gap-cause.js'
import { runEnd } from '../layout/run.js'
import { inodePlanLines } from './inode-lines.js'
import { measureTable } from './measure-table.js'
import { stayLines } from './stay-lines.js'
import { bytes, count } from '../text/units.js'

/** Of a plan that was not carried out, and not kept either. */
export const nothingToGain =
  'Nothing to gain: the plan is not noticeably better than what is there.\nNothing was written.'

/** The summary of a plan that is not carried out now. @param gains whether it may be */
export const dryReport = (plan: Plan, gains: boolean): string =>
  gains ? planSummary(plan) : `${planSummary(plan)}\n\n${nothingToGain}`

/** What a plan will do, in a few lines and a table. */
export function planSummary(plan: Plan): string {
  const { goal, runs, rounds, cost, volume, measure } = plan
  const block = volume.blockSize
  const where = goal.directory === undefined ? '' : `, first block of ${escapePath(goal.directory)}`
  const lines = [
    `goal       block ${count(goal.block)} (chosen by ${goal.chosenBy}${where})`,
    runs.length === 1
      ? `run        blocks ${count(runs[0]!.start)} to ${count(runEnd(runs[0]!) - 1)}, unbroken`
      : `runs       ${count(runs.length)}${runs.length === 0 ? '' : `, from block ${count(runs[0]!.start)} to ${count(runEnd(runs.at(-1)!) - 1)}`}`,
    ...gapLines(plan),
    `to write   ${bytes(cost.bytesWritten)}: boot ${bytes(cost.placedBlocks * block)}, others moved away ${bytes(cost.evictedBlocks * block)}, twice ${bytes(cost.stagedBlocks * block)}`,
    `moves      ${count(rounds.flat().length)} in ${count(rounds.length)} round${rounds.length === 1 ? '' : 's'}`,
    ...inodePlanLines(plan),
    ...skipLines(plan.skipped),
    '',
    measureTable({ before: measure.before, predicted: measure.predicted }),
  ]
  if (plan.withEviction) {
    const { predicted, cost: price } = plan.withEviction
    lines.push(
      '',
      `With --evict: ${count(predicted.seeks)} seeks instead of ${count(measure.predicted.seeks)},`,
      `${count(predicted.seekDistanceBlocks)} blocks of seek distance instead of ${count(measure.predicted.seekDistanceBlocks)},`,
      `for ${bytes(price.bytesWritten)} written (others: ${bytes(price.evictedBlocks * block)}).`,
    )
  }
  return lines.join('\n')
}

export function gapLines({ gaps }: Plan): string[] {
  if (gaps.length === 0) return []
  const byCause = new Map<string, { gaps: number; blocks: number }>()
  for (const { causes: found, length } of gaps) {
    // The causes of a gap come in the order in which they lie.
    const causes = found
      .map((cause) => gapCauses[cause])
      .sort()
      .join(', ')
    const seen = byCause.get(causes) ?? { gaps: 0, blocks: 0 }
    byCause.set(causes, { gaps: seen.gaps + 1, blocks: seen.blocks + length })
  }
  return [...byCause]
    .sort((a, b) => b[1].gaps - a[1].gaps)
    .map(
      ([cause, seen], index) =>
        `${index === 0 ? 'gaps      ' : '          '} ${count(seen.gaps)} of ${count(seen.blocks)} blocks: ${cause}`,
    )
}

export const skipLines = (skipped: readonly Skip[]): string[] => stayLines('left alone', skipped)
