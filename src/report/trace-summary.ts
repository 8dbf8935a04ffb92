import type { TraceSummary } from '../trace/model/summary.js'
import { escapePath } from '../text/escape-path.js'
import { counted, shorten, table } from '../text/table.js'
import { bytes, count } from '../text/units.js'

const bars = ' ▁▂▃▄▅▆▇█'

/** Totals, a line of bars over time, the largest files, and what is missing from the picture. */
export function traceSummaryText(summary: TraceSummary): string {
  const { header, kinds, timeline, topFiles } = summary
  const lines = [
    `source     ${escapePath(header.source)}${header.kernel === undefined ? '' : `, kernel ${escapePath(String(header.kernel))}`}${header.recorded === undefined ? '' : `, ${escapePath(String(header.recorded))}`}`,
    `reads      ${count(summary.reads)} of ${count(summary.files)} files, ${bytes(summary.bytes)} known by length${summary.filesToEnd > 0 ? `, ${count(summary.filesToEnd)} files to their end` : ''}`,
    ...Object.entries(kinds).flatMap(([kind, sums]) => [
      `           ${kind}: ${counted(sums.reads, 'read')}, ${bytes(sums.bytes)}`,
      ...(kind === 'metadata'
        ? Object.entries(summary.metadata).map(
            ([what, of]) => `             ${escapePath(what)}: ${counted(of.reads, 'read')}`,
          )
        : []),
    ]),
  ]
  if (summary.firstTime !== undefined && summary.lastTime !== undefined) {
    const most = Math.max(1, ...timeline.map((slice) => slice.bytes))
    lines.push(
      `time       ${((summary.lastTime - summary.firstTime) / 1e6).toFixed(2)} s`,
      `           ${timeline.map((slice) => bars[Math.ceil((slice.bytes / most) * 8)]!).join('')}`,
    )
  }
  lines.push(
    `lost       ${count(summary.lost)} events${summary.bad.count > 0 ? `, ${count(summary.bad.count)} lines unreadable` : ''}`,
  )
  for (const [reason, left] of Object.entries(summary.ignored))
    lines.push(`ignored    ${count(left)} ${escapePath(reason)}`)
  if (topFiles.length > 0) {
    lines.push(
      '',
      table(
        ['largest files', 'reads', 'read'],
        topFiles.map((file) => [
          shorten(file.path === undefined ? `inode ${file.ino}` : escapePath(file.path), 56),
          count(file.reads),
          file.toEnd ? 'to end' : bytes(file.bytes),
        ]),
      ),
    )
  }
  return lines.join('\n')
}
