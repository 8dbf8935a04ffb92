/** What fsr prints, in the words people know from xfs_fsr. */
import { escapePath } from 'bootpack/text'
import type { FileOutcome } from './outcome.js'

export const nameOf = ({ inode, path }: Pick<FileOutcome, 'inode' | 'path'>): string =>
  path === undefined ? `ino=${inode}` : escapePath(path)

/**
 * @param verbose name every file, also those that are left alone
 * @returns undefined when there is nothing to say
 */
export function outcomeLine(outcome: FileOutcome, verbose: boolean): string | undefined {
  const name = nameOf(outcome)
  const { before, after, best, distance } = outcome
  const how = distance === undefined ? '' : ` distance before:${distance.before} after:${distance.after}`
  switch (outcome.status) {
    case 'improved':
      return `extents before:${before} after:${after} ${after! <= best! ? 'DONE' : '    '} ${name}${how}`
    case 'would-try':
      return `extents before:${before} best:${best} ${name}`
    case 'failed':
      return `${name}: ${outcome.reason}`
    case 'skipped':
    case 'unchanged':
      return verbose ? `${name}: ${outcome.reason}` : undefined
  }
}

export interface Totals {
  improved: number
  unchanged: number
  skipped: number
  failed: number
  wouldTry: number
  extentsBefore: number
  extentsAfter: number
}

export const noTotals = (): Totals => ({
  improved: 0,
  unchanged: 0,
  skipped: 0,
  failed: 0,
  wouldTry: 0,
  extentsBefore: 0,
  extentsAfter: 0,
})

export function addOutcome(totals: Totals, { status, before, after }: FileOutcome): void {
  if (status === 'would-try') totals.wouldTry++
  else totals[status]++
  if (status === 'improved') {
    totals.extentsBefore += before!
    totals.extentsAfter += after!
  }
}

export function totalsLine(totals: Totals): string {
  if (totals.wouldTry > 0) return `${totals.wouldTry} files could be better. Nothing was written.`
  const counts = [
    `${totals.improved} reorganised`,
    `${totals.unchanged} as good as can be`,
    `${totals.skipped} left alone`,
    `${totals.failed} failed`,
  ].join(', ')
  return totals.improved === 0
    ? `Files: ${counts}.`
    : `Files: ${counts}. Extents of the reorganised: ${totals.extentsBefore} before, ${totals.extentsAfter} after.`
}
