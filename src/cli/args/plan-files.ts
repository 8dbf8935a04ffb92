import { BootpackError, usageError } from '../../errors.js'
import { parsePlan, planText } from '../../plan/plan-file.js'
import type { Plan } from '../../plan/plan.js'
import { writeAtomically } from '../../files/atomic-file.js'
import { escapePath } from '../../text/escape-path.js'
import { shellWord } from '../../text/shell-word.js'
import { readTextFile } from './text-file.js'

/** @throws io when it cannot be read; usage when it is no plan; corrupt when it is a damaged one */
export async function readPlanFile(path: string): Promise<Plan> {
  const text = await readTextFile(path, 'The plan')
  try {
    return parsePlan(text)
  } catch (error) {
    if (!(error instanceof BootpackError) || error.code !== 'not-a-plan') throw error
    throw usageError('not-a-plan', `${escapePath(path)} is no plan.`, error.next)
  }
}

/** That a plan was written, and what can be done with it. */
export const planWritten = (path: string): string =>
  `Written to ${escapePath(path)}. Carry it out with: bootpack apply ${shellWord(path)}`

/** Writes the plan: a reader sees the old file or the whole new one. */
export const writePlanFile = (path: string, plan: Plan): Promise<void> =>
  writeAtomically(path, 'plan', (file) => file.writeFile(planText(plan)))
