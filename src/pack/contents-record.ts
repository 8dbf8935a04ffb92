/**
 * What `pack --check` recorded, as a file beside the plan: one JSON object, a file
 * per line. Read back it is trusted with nothing.
 */
import { BootpackError } from '../errors.js'
import type { PlanVolume } from '../plan/plan.js'
import type { ContentHash } from './content-hashes.js'

export interface CheckRecord {
  readonly bootpack: 'check'
  readonly version: 1
  readonly uuid: string
  /** Of the plan it belongs to. */
  readonly fingerprint: string
  readonly files: readonly ContentHash[]
}

/** Name of the record that belongs to a plan. */
export const checkRecordPath = (plan: string): string => `${plan}.check.json`

export const checkRecordOf = ({ uuid, fingerprint }: PlanVolume, files: readonly ContentHash[]): CheckRecord => ({
  bootpack: 'check',
  version: 1,
  uuid,
  fingerprint,
  files,
})

export function checkRecordText({ files, ...head }: CheckRecord): string {
  const lines = files.map((file) => `    ${JSON.stringify(file)}`)
  return `${JSON.stringify(head).slice(0, -1)},"files":[${lines.length === 0 ? '' : `\n${lines.join(',\n')}\n`}]}\n`
}

/** @throws corrupt naming what is wrong, or that it belongs to another plan */
export function parseCheckRecord(text: string, plan: Pick<PlanVolume, 'uuid' | 'fingerprint'>): CheckRecord {
  const check = (condition: boolean, problem: string): void => {
    if (!condition)
      throw new BootpackError('corrupt', 'bad-check-record', `The recorded hashes cannot be used: ${problem}.`, {
        next: 'Remove the .check.json file to verify without them.',
      })
  }
  let record: CheckRecord | null = null
  try {
    record = JSON.parse(text) as CheckRecord | null
  } catch {
    check(false, 'the file is not JSON')
  }
  check(
    typeof record === 'object' && record?.bootpack === 'check' && record.version === 1 && Array.isArray(record.files),
    'the file does not begin as version 1 does',
  )
  check(record!.uuid === plan.uuid && record!.fingerprint === plan.fingerprint, 'they belong to another plan')
  const inodes = new Set<number>()
  for (const [index, file] of (record!.files as readonly (Partial<ContentHash> | null)[]).entries()) {
    check(
      typeof file === 'object' &&
        file !== null &&
        Number.isSafeInteger(file.inode) &&
        file.inode! > 0 &&
        !inodes.has(file.inode!) &&
        (file.path === undefined || typeof file.path === 'string') &&
        typeof file.stamp === 'string' &&
        typeof file.sha256 === 'string' &&
        /^[0-9a-f]{64}$/.test(file.sha256) &&
        (file.over === 'file' || file.over === 'blocks' || file.over === 'names'),
      `file ${index + 1} is none`,
    )
    inodes.add(file!.inode!)
  }
  return record!
}
