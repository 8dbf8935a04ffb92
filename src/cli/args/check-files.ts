import { constants } from 'node:fs'
import type { ContentHash } from '../../pack/content-hashes.js'
import {
  checkRecordOf,
  checkRecordPath,
  checkRecordText,
  parseCheckRecord,
  type CheckRecord,
} from '../../pack/contents-record.js'
import type { Plan } from '../../plan/plan.js'
import { writeAtomically } from '../../files/atomic-file.js'
import { readTextFile } from './text-file.js'

/** Puts the hashes beside the plan. */
export const writeCheckFile = (planPath: string, plan: Plan, files: readonly ContentHash[]): Promise<void> =>
  writeAtomically(checkRecordPath(planPath), 'check', (file) =>
    file.writeFile(checkRecordText(checkRecordOf(plan.volume, files))),
  )

/**
 * @returns undefined when none was written
 * @throws io, corrupt
 */
export async function readCheckFile(planPath: string, plan: Plan): Promise<CheckRecord | undefined> {
  let text: string
  try {
    text = await readTextFile(
      checkRecordPath(planPath),
      'The record of hashes',
      constants.O_NOFOLLOW | constants.O_NONBLOCK,
    )
  } catch (error) {
    if (((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined
    throw error
  }
  return parseCheckRecord(text, plan.volume)
}
