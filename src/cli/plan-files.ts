import { readFile } from 'node:fs/promises'
import { ioError } from '../errors.js'
import { parsePlan, planText } from '../plan/plan-file.js'
import type { Plan } from '../plan/plan.js'
import { writeAtomically } from '../trace/atomic-file.js'

/** @throws io when it cannot be read; corrupt when it is no plan */
export async function readPlanFile(path: string): Promise<Plan> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw ioError(`The plan ${path} cannot be read.`, cause)
  }
  return parsePlan(text)
}

/** Writes the plan: a reader sees the old file or the whole new one. */
export const writePlanFile = (path: string, plan: Plan): Promise<void> =>
  writeAtomically(path, (file) => file.writeFile(planText(plan)))
