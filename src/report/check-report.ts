import type { BlockRun } from '../layout/run.js'
import type { DriftedFile } from '../plan/repair/drift.js'
import { escapePath } from '../text/escape-path.js'
import { shorten, table } from '../text/table.js'
import { bytes, count, seconds } from '../text/units.js'

/** The part of a balance that is told; the pack room's has these fields. */
interface Told {
  readonly disk: string
  readonly bytesWritten: number
  readonly beforeMs: number
  readonly afterMs: number
  readonly writingMs: number
  readonly worthIt: boolean
}

interface Checked {
  readonly verdict: 'leave' | 'mend' | 'pack'
  readonly owners: number
  readonly drifted: readonly DriftedFile[]
  readonly driftedBytes: number
  readonly displaced: number
  readonly missing: number
  readonly runs: readonly BlockRun[]
  readonly knownFrom: 'plan' | 'layout'
  readonly lossMs: number
  readonly mending?: Told
  readonly packing?: Told
}

/**
 * How a packed boot has fared, for people.
 * @param top how many of those that left are named
 */
export function checkReport(checked: Checked, top: number): string {
  const { owners, drifted, driftedBytes, displaced, missing, runs, knownFrom, mending, packing } = checked
  const lines: string[] = []
  if (runs.length === 0) {
    lines.push('The boot set is not packed: no stretch of the disk holds half of it.')
  } else {
    const blocks = runs.reduce((sum, { length }) => sum + length, 0)
    lines.push(
      `packed in  ${count(blocks)} blocks from ${count(runs[0]!.start)} on${runs.length === 1 ? '' : `, in ${count(runs.length)} runs`}${knownFrom === 'plan' ? ', says the plan' : ''}`,
      `left it    ${count(drifted.length)} of ${count(owners)}${drifted.length === 0 ? '' : `, ${bytes(driftedBytes)}`}`,
    )
  }
  if (displaced > 0) lines.push(`displaced  ${count(displaced)} in the run, but not in its order`)
  if (missing > 0)
    lines.push(`gone       ${count(missing)} of what the trace reads; if they are many, record a boot again`)
  const balance = mending ?? packing
  if (balance)
    lines.push(
      `next boot  ${seconds(balance.beforeMs)} on ${balance.disk} (model), ${lossText(checked.lossMs, balance.beforeMs)}`,
    )
  if (drifted.length > 0) {
    lines.push(
      '',
      table(
        ['left the run', 'pieces', 'blocks', 'of'],
        drifted
          .slice(0, top)
          .map(({ path, inode, kind, stretches, blocks, of }) => [
            shorten(escapePath(path ?? `inode ${inode}`), 40) +
              (kind === 'tree' || kind === 'xattr' ? ` (${kind})` : ''),
            count(stretches),
            count(blocks),
            count(of),
          ]),
      ),
    )
    if (drifted.length > top) lines.push(`and ${count(drifted.length - top)} more (--top, --json)`)
  }
  const ways = [
    ...(mending ? [['bringing back what left', mending] as const] : []),
    ...(packing ? [['packing anew', packing] as const] : []),
  ]
  if (ways.length > 0) {
    lines.push(
      '',
      table(
        ['', 'boot after', 'to write', 'time to write', 'worth it'],
        ways.map(([name, way]) => [
          name,
          seconds(way.afterMs),
          bytes(way.bytesWritten),
          seconds(way.writingMs),
          way.worthIt ? 'yes' : 'no',
        ]),
      ),
    )
  }
  return [...lines, '', verdictText(checked)].join('\n')
}

/** Less than a hundredth is no promise. What packing leaves, reading in advance may take. */
const lossText = (lossMs: number, beforeMs: number): string =>
  lossMs < beforeMs / 100
    ? 'which packing would not better\n           (what reading in advance would: bootpack preload show)'
    : `${seconds(lossMs)} more than it need be`

function verdictText({ verdict, drifted, runs }: Checked): string {
  switch (verdict) {
    case 'mend':
      return 'Worth its bytes: bring back what left, with bootpack pack --drifted.'
    case 'pack':
      return `Worth its bytes: pack ${runs.length === 0 ? 'it' : 'anew'}, with bootpack pack.`
    case 'leave':
      return drifted.length === 0 && runs.length > 0
        ? 'Nothing to do.'
        : 'Leave it: what it would gain is not worth the bytes.'
  }
}
