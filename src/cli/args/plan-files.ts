import { parsePlan, planText } from '../../plan/plan-file.js'
import type { Plan } from '../../plan/plan.js'
import { writeAtomically } from '../../files/atomic-file.js'
import { readTextFile } from './text-file.js'

/** @throws io when it cannot be read; corrupt when it is no plan */
export async function readPlanFile(path: string): Promise<Plan> {
  return parsePlan(await readTextFile(path, 'The plan'))
}

/** Writes the plan: a reader sees the old file or the whole new one. */
export const writePlanFile = (path: string, plan: Plan): Promise<void> =>
  writeAtomically(path, (file) => file.writeFile(planText(plan)))
