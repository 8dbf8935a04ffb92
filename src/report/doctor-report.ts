import type { Examination } from '../doctor/examine.js'
import { fold, table } from '../text/table.js'
import { bytes, count } from '../text/units.js'

/** An examination for people. */
export function doctorReport(found: Examination): string {
  const { filesystem, device, tools } = found
  const missing = Object.entries(tools)
    .filter(([, there]) => !there)
    .map(([tool]) => tool)
  const lines = [
    `kernel     ${found.kernel}${found.root ? '' : ' (not root: mounted filesystems and most devices need it)'}`,
    `tools      ${missing.length === 0 ? 'e2fsprogs is complete' : `missing: ${missing.join(', ')}`}`,
    `disk       ${device.kind}${device.name === undefined ? '' : ` (${device.name})`}`,
  ]
  if (filesystem) {
    const { blockSize, blockCount, freeBlocks, freeRuns, longestFreeRun, histogram } = filesystem
    lines.push(
      `engine     ${found.engine}, can move: ${found.moves.join(', ')}`,
      `filesystem ${filesystem.uuid}, ${bytes(blockCount * blockSize)} in blocks of ${blockSize}`,
      `free       ${bytes(freeBlocks * blockSize)} (${Math.round((freeBlocks / blockCount) * 100)} %) in ${count(freeRuns)} pieces, the longest ${bytes(longestFreeRun * blockSize)}`,
      '',
      table(
        ['free runs of', 'runs', 'blocks', 'share'],
        histogram.map((each) => [
          `${bytes(each.least * blockSize)} to ${bytes((each.most + 1) * blockSize)}`,
          count(each.runs),
          count(each.blocks),
          `${((each.blocks / Math.max(1, freeBlocks)) * 100).toFixed(1)} %`,
        ]),
      ),
    )
  }
  for (const { doing, message, next } of found.refusals) {
    lines.push('', `cannot be ${doing === 'read' ? 'read' : 'packed'}: ${message}`)
    if (next !== undefined) lines.push(`  ${next}`)
  }
  return [...lines, '', fold(found.verdict)].join('\n')
}
