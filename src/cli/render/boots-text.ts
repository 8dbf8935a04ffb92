/** The table of boots, for people. */
import { bootTime, layoutName, type BootFigures, type BootTimes } from '../../boots/figures.js'
import { comparisonSentence, time, type BootComparison } from '../../boots/comparison.js'
import { escapePath } from '../../text/escape-path.js'
import { table } from '../../text/table.js'
import { bytes, count } from '../../text/units.js'

const header = ['started', 'layout', 'boot', 'read', 'requests', 'disk busy']

/** @param boots the oldest first */
export function bootsText(boots: readonly BootFigures[], comparison: BootComparison | undefined): string {
  const rows = boots.map((boot) => {
    const took = bootTime(boot)
    const { disk } = boot
    return [
      boot.started.slice(0, 16).replace('T', ' '),
      layoutName(boot.layout),
      took === undefined ? '' : time(took),
      ...(disk ? [bytes(disk.bytes), count(disk.requests), time(disk.busyMs)] : ['', '', '']),
    ]
  })
  const lines = table(header, rows).split('\n')
  const told = boots.flatMap((boot, i) => [lines[i + 2]!, `  ${partsText(boot)}`])
  return [...lines.slice(0, 2), ...told, ...(comparison ? ['', comparisonSentence(comparison)] : [])].join('\n')
}

const partNames: readonly (keyof BootTimes)[] = ['firmware', 'loader', 'kernel', 'initrd', 'userspace']

function partsText({ kernel, times }: BootFigures): string {
  const parts = partNames.flatMap((name) => {
    const took = times?.[name]
    return took === undefined ? [] : [`${name} ${time(took)}`]
  })
  return [`Linux ${escapePath(kernel)}`, ...(parts.length > 0 ? [parts.join(', ')] : [])].join(': ')
}
