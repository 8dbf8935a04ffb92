import { randomBytes } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ioError } from '../errors.js'
import { parsePlan, planText } from '../plan/plan-file.js'
import type { Plan } from '../plan/plan.js'

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

/**
 * Writes the plan so that a reader sees the old file or the whole new one. The
 * temporary name cannot be guessed and must not exist, so that no link is followed.
 */
export async function writePlanFile(path: string, plan: Plan): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(12).toString('hex')}.plan`)
  try {
    const file = await open(temporary, 'wx', 0o644)
    try {
      await file.writeFile(planText(plan))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true })
    throw ioError(`The plan cannot be written to ${path}.`, cause)
  }
}
