import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { ioError } from '../errors.js'
import type { ContentHash } from '../pack/content-hashes.js'
import { checkRecordOf, checkRecordPath, checkRecordText, parseCheckRecord, type CheckRecord } from '../pack/deep-record.js'
import type { Plan } from '../plan/plan.js'
import { escapePath } from '../trace/escape-path.js'
import { writeAtomically } from '../trace/atomic-file.js'

/** Puts the hashes beside the plan. */
export const writeCheckFile = (planPath: string, plan: Plan, files: readonly ContentHash[]): Promise<void> =>
  writeAtomically(checkRecordPath(planPath), (file) => file.writeFile(checkRecordText(checkRecordOf(plan.volume, files))))

/**
 * @returns undefined when none was written
 * @throws io, corrupt
 */
export async function readCheckFile(planPath: string, plan: Plan): Promise<CheckRecord | undefined> {
  const path = checkRecordPath(planPath)
  let text: string
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      text = await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw ioError(`The recorded hashes in ${escapePath(path)} cannot be read.`, cause)
  }
  return parseCheckRecord(text, plan.volume)
}
