/** The part of a report that the page's script draws, packed. */
import { deflateSync } from 'node:zlib'
import { escapePath } from '../../text/escape-path.js'
import type { MovedFile } from '../moved-files.js'
import { emptyColumns, encodeMarks, markKinds } from '../embedded/mark-columns.js'
import type { MovedColumns, PageData } from '../embedded/page-data.js'
import type { ReportData, ReportLayout, ReportMark } from '../report-data.js'

export function pageData(report: ReportData): PageData {
  const blockSize = report.layouts[0]?.blockSize ?? 1
  return {
    layouts: report.layouts.map((layout) => ({
      name: layout.name,
      blockSize: layout.blockSize,
      blockCount: layout.blockCount,
      marks: packMarks(layout.marks),
      runs: runsOf(report, layout),
    })),
    timed: report.trace.timed,
    files: report.files.map(escapePath),
    moved: movedColumns(report.moved, blockSize),
  }
}

const runsOf = ({ plan }: ReportData, { name }: ReportLayout): PageData['layouts'][number]['runs'] =>
  plan && name !== 'before' ? plan.runs.slice(0, 1000).map(({ start, length }) => [start, length] as const) : []

function packMarks(marks: readonly ReportMark[]): string {
  const columns = emptyColumns(marks.length)
  let time = 0
  marks.forEach(({ start, length, at, t, file, kind, block }, i) => {
    time = t ?? time
    columns.start[i] = start
    columns.length[i] = length
    columns.at[i] = at
    columns.time[i] = time
    columns.file[i] = file ?? -1
    columns.kind[i] = markKinds.indexOf(kind)
    columns.block[i] = block
  })
  return deflateSync(encodeMarks(columns), { level: 9 }).toString('base64')
}

const whatNames: Record<MovedFile['kind'], string> = {
  data: 'file',
  directory: 'directory',
  symlink: 'symbolic link',
  tree: 'extent tree',
  xattr: 'attributes',
}

function movedColumns(moved: readonly MovedFile[], blockSize: number): MovedColumns {
  return {
    name: moved.map(({ path, inode }) => escapePath(path ?? `inode ${inode}`)),
    what: moved.map(({ kind }) => whatNames[kind]),
    why: moved.map(({ why }) => (why === 'boot' ? 'boot' : 'in the way')),
    bytes: moved.map(({ blocks }) => blocks * blockSize),
    piecesBefore: moved.map(({ piecesBefore }) => piecesBefore),
    piecesAfter: moved.map(({ piecesAfter }) => piecesAfter),
    from: moved.map(({ from }) => from),
    to: moved.map(({ to }) => to),
  }
}
