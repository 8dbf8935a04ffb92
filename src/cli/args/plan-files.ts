import { parsePlan, planText } from '../../plan/plan-file.js'
import type { Plan } from '../../plan/plan.js'
import { writeAtomically } from '../../files/atomic-file.js'
import { escapePath } from '../../text/escape-path.js'
import { shellWord } from '../../text/shell-word.js'
import { readTextFile } from './text-file.js'

/** @throws io when it cannot be read; corrupt when it is no plan */
export async function readPlanFile(path: string): Promise<Plan> {
  return parsePlan(await readTextFile(path, 'The plan'))
}

/** That a plan was written, and what can be done with it. */
export const planWritten = (path: string): string =>
  `Written to ${escapePath(path)}. Carry it out with: bootpack apply ${shellWord(path)}`

/** Writes the plan: a reader sees the old file or the whole new one. */
export const writePlanFile = (path: string, plan: Plan): Promise<void> =>
  writeAtomically(path, 'plan', (file) => file.writeFile(planText(plan)))
