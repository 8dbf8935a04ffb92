import { numberReasons, type NumberReason } from '../layout/reason.js'
import type { Plan } from '../plan/plan.js'
import { escapePath } from '../text/escape-path.js'
import { bytes, count } from '../text/units.js'

/** The part of a result that is told; the pack room's has these fields. */
export interface Renumbered {
  readonly renumbered: number
  readonly placed: number
  readonly total: number
  readonly left: readonly {
    readonly inode: number
    readonly path?: string
    readonly reason: NumberReason
    readonly detail?: string
  }[]
}

/** What a plan does to inodes, a line in the style of the summary. */
export function inodePlanLines({ inodes, measure, volume }: Plan): string[] {
  if (!inodes)
    return measure.before.inodeTableBlocks === undefined
      ? []
      : ['inodes     keep their numbers: by this trace others would gain nothing']
  const boot = inodes.renumberings.filter(({ why }) => why === 'boot').length
  return [
    `inodes     ${count(boot)} get other numbers and ${count(inodes.renumberings.length - boot)} of others make room, in ${count(inodes.table.length)} blocks of the inode tables (${bytes(inodes.table.length * volume.blockSize)})`,
    ...unsureLines({ inodes }).map((line) => `           ${line}`),
  ]
}

/** What the measure does not know. */
export const unsureLines = ({ inodes }: Pick<Plan, 'inodes'>): string[] =>
  inodes?.knownFrom === 'reads'
    ? [
        'The trace does not tell which inodes are only looked at: tables may still be read for those (docs/collecting.md).',
      ]
    : []

/** What became of them, and whatever could not be done. */
export function inodeLines(
  inodes: Renumbered | undefined,
  verb: 'Renumbered' | 'Numbered as before' | 'Verified',
): string[] {
  if (!inodes) return []
  const { renumbered, placed, total, left } = inodes
  const most = 20
  const head =
    verb === 'Verified'
      ? `${count(placed)} of ${count(total)} inodes have the number the plan gives them.`
      : `${verb}: ${count(renumbered)} inodes; ${count(placed)} of ${count(total)} have the number they should.`
  const lines = left
    .slice(0, most)
    .map(
      ({ path, inode, reason, detail }) =>
        `  ${path === undefined ? `inode ${inode}` : escapePath(path)}: not renumbered, ${numberReasons[reason].says}${detail === undefined ? '' : ` (${escapePath(detail)})`}`,
    )
  return [head, ...lines, ...(left.length > most ? [`  and ${count(left.length - most)} more (--json lists all)`] : [])]
}
