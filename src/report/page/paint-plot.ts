/**
 * Draws one plot: reads across, position on the disk upward.
 *
 * What many reads put on the same pixel is drawn once, so that a picture costs no more
 * than it has pixels, however many reads there are; and the more there are, the smaller
 * they are drawn, so that a crowd is denser than a few and never a wall. Three kinds of blocks have three
 * shapes as well as colours: file data squares (or lines, where a read is long enough
 * to have a length), directories and the like diamonds, fixed metadata crosses.
 */
import { lowerBound } from '../../lower-bound.js'
import type { MarkColumns } from '../embedded/mark-columns.js'
import { acrossText, acrossTitle, positionText, upwardTitle, type Across, type Upward } from './plot-axes.js'
import { ticks, type Window } from './window.js'

export interface Colours {
  readonly background: string
  readonly ink: string
  readonly muted: string
  readonly line: string
  readonly data: string
  readonly directories: string
  readonly fixed: string
  readonly accent: string
  readonly run: string
}

export interface PlotSeries {
  readonly marks: MarkColumns
  readonly blockSize: number
  readonly runs: readonly (readonly [start: number, length: number])[]
}

export interface PlotStyle {
  readonly colours: Colours
  readonly across: Across
  readonly upward: Upward
  /** Kinds that are not to be seen. */
  readonly hidden: ReadonlySet<Group>
  readonly headPath: boolean
  /** Index of a file to point out. */
  readonly file: number | undefined
  /** Index of a mark to point out. */
  readonly mark: number | undefined
}

export type Group = 'data' | 'directories' | 'fixed'

/** By index into markKinds. */
export const groupOfKind: readonly Group[] = [
  'data',
  'directories',
  'directories',
  'directories',
  'directories',
  'fixed',
  'fixed',
]

export const margin = { left: 74, right: 14, top: 12, bottom: 42 }

export interface Area {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

export const areaOf = (width: number, height: number): Area => ({
  left: margin.left,
  top: margin.top,
  width: Math.max(1, width - margin.left - margin.right),
  height: Math.max(1, height - margin.top - margin.bottom),
})

/** A mark's two ends in pixels; upward is towards smaller y. */
interface Place {
  readonly x0: number
  readonly x1: number
  readonly y0: number
  readonly y1: number
}

export function placeOf(
  { marks, blockSize }: PlotSeries,
  i: number,
  window: Window,
  area: Area,
  across: Across,
): Place {
  const sx = area.width / (window.x1 - window.x0)
  const sy = area.height / (window.y1 - window.y0)
  const from = across === 'order' ? marks.at[i]! * blockSize : marks.time[i]!
  const to = across === 'order' ? (marks.at[i]! + marks.length[i]!) * blockSize : from
  return {
    x0: area.left + (from - window.x0) * sx,
    x1: area.left + (to - window.x0) * sx,
    y0: area.top + area.height - (marks.start[i]! * blockSize - window.y0) * sy,
    y1: area.top + area.height - ((marks.start[i]! + marks.length[i]!) * blockSize - window.y0) * sy,
  }
}

/** @returns how many reads lie in the window */
export function paintPlot(
  context: CanvasRenderingContext2D,
  size: { width: number; height: number },
  series: PlotSeries,
  window: Window,
  style: PlotStyle,
): number {
  const area = areaOf(size.width, size.height)
  const { colours } = style
  context.fillStyle = colours.background
  context.fillRect(0, 0, size.width, size.height)
  paintAxes(context, area, series, window, style)
  context.save()
  context.beginPath()
  context.rect(area.left, area.top, area.width, area.height)
  context.clip()
  const visible = marksIn(series, window, area, style)
  if (style.headPath && visible.length > 1 && visible.length < area.width * 8)
    paintHeadPath(context, series, visible, window, area, style)
  paintMarks(context, series, visible, window, area, style)
  if (style.file !== undefined || style.mark !== undefined) paintChosen(context, series, visible, window, area, style)
  context.restore()
  return visible.length
}

/** Marks that can be in the window: in read order they are sorted by where they are across. */
export function marksAcross(
  { marks, blockSize }: PlotSeries,
  window: Window,
  across: Across,
): [first: number, end: number] {
  if (across === 'time') return [0, marks.count]
  const firstAfter = (value: number): number => {
    return lowerBound(marks.count, (place) => marks.at[place]! * blockSize > value)
  }
  return [Math.max(0, firstAfter(window.x0) - 1), firstAfter(window.x1)]
}

function marksIn(series: PlotSeries, window: Window, area: Area, { across, hidden }: PlotStyle): number[] {
  const { marks } = series
  const visible: number[] = []
  const [first, end] = marksAcross(series, window, across)
  for (let i = first; i < end; i++) {
    if (hidden.has(groupOfKind[marks.kind[i]!]!)) continue
    const { x0, x1, y0, y1 } = placeOf(series, i, window, area, across)
    if (x1 < area.left || x0 > area.left + area.width || y0 < area.top || y1 > area.top + area.height) continue
    visible.push(i)
  }
  return visible
}

function paintMarks(
  context: CanvasRenderingContext2D,
  series: PlotSeries,
  visible: readonly number[],
  window: Window,
  area: Area,
  style: PlotStyle,
): void {
  const colourOf: Record<Group, string> = {
    data: style.colours.data,
    directories: style.colours.directories,
    fixed: style.colours.fixed,
  }
  for (const group of ['fixed', 'data', 'directories'] as const) {
    const { long, points } = partsOf(group, series, visible, window, area, style)
    const size = sizeFor(points.length / (area.width * area.height))
    const half = Math.floor(size / 2)
    context.fillStyle = colourOf[group]
    context.strokeStyle = colourOf[group]
    context.lineWidth = size - 0.5
    for (const { x0, x1, y0, y1 } of long) {
      if (y0 - y1 < 2) {
        context.fillRect(x0, Math.round((y0 + y1) / 2) - half, x1 - x0, size)
        continue
      }
      context.beginPath()
      context.moveTo(x0, y0)
      context.lineTo(Math.max(x1, x0 + 0.5), y1)
      context.stroke()
    }
    for (const [x, y] of points) {
      if (group === 'data') context.fillRect(x - half, y - half, size, size)
      else paintShape(context, group, x, y)
    }
  }
}

/** Reads long enough to have a length here, and one point for each pixel the others begin on. */
function partsOf(
  group: Group,
  series: PlotSeries,
  visible: readonly number[],
  window: Window,
  area: Area,
  { across }: PlotStyle,
): { long: Place[]; points: [x: number, y: number][] } {
  const columns = Math.ceil(area.width) + 1
  const rows = Math.ceil(area.height)
  const taken = new Uint8Array(columns * (rows + 1))
  const long: Place[] = []
  const points: [number, number][] = []
  for (const i of visible) {
    if (groupOfKind[series.marks.kind[i]!] !== group) continue
    const place = placeOf(series, i, window, area, across)
    if (group === 'data' && (place.x1 - place.x0 > 3 || place.y0 - place.y1 > 3)) {
      long.push(place)
      continue
    }
    const [x, y] = [Math.round(place.x0), Math.round(place.y0)]
    const cell = Math.min(columns - 1, Math.max(0, x - area.left)) + columns * Math.min(rows, Math.max(0, y - area.top))
    if (taken[cell] === 1) continue
    taken[cell] = 1
    points.push([x, y])
  }
  return { long, points }
}

/** Pixels of a square, by points for each pixel of the plot. */
const sizeFor = (density: number): number => (density > 0.1 ? 1 : density > 0.03 ? 2 : 3)

function paintShape(context: CanvasRenderingContext2D, group: 'directories' | 'fixed', x: number, y: number): void {
  if (group === 'fixed') {
    context.fillRect(x - 2, y, 5, 1)
    context.fillRect(x, y - 2, 1, 5)
  } else {
    context.beginPath()
    context.moveTo(x, y - 3)
    context.lineTo(x + 3, y)
    context.lineTo(x, y + 3)
    context.lineTo(x - 3, y)
    context.fill()
  }
}

/** From the end of each read to the start of the next: what the arm of a hard disk does. */
function paintHeadPath(
  context: CanvasRenderingContext2D,
  series: PlotSeries,
  visible: readonly number[],
  window: Window,
  area: Area,
  { colours, across }: PlotStyle,
): void {
  context.strokeStyle = colours.data
  context.globalAlpha = Math.min(0.4, Math.max(0.07, area.width / visible.length / 10))
  context.lineWidth = 1
  context.beginPath()
  for (const i of visible) {
    const from = placeOf(series, i, window, area, across)
    if (i + 1 >= series.marks.count) continue
    const to = placeOf(series, i + 1, window, area, across)
    context.moveTo(from.x1, from.y1)
    context.lineTo(to.x0, to.y0)
  }
  context.stroke()
  context.globalAlpha = 1
}

function paintChosen(
  context: CanvasRenderingContext2D,
  series: PlotSeries,
  visible: readonly number[],
  window: Window,
  area: Area,
  style: PlotStyle,
): void {
  context.strokeStyle = style.colours.accent
  for (const i of visible) {
    const chosen = i === style.mark
    if (!chosen && (style.file === undefined || series.marks.file[i] !== style.file)) continue
    const { x0, x1, y0, y1 } = placeOf(series, i, window, area, style.across)
    context.lineWidth = chosen ? 2 : 1.5
    const room = chosen ? 6 : 3.5
    context.strokeRect(x0 - room, y1 - room, x1 - x0 + 2 * room, y0 - y1 + 2 * room)
  }
}

function paintAxes(
  context: CanvasRenderingContext2D,
  area: Area,
  { blockSize, runs }: PlotSeries,
  window: Window,
  { colours, across, upward }: PlotStyle,
): void {
  const bottom = area.top + area.height
  const y = (value: number): number => bottom - ((value - window.y0) / (window.y1 - window.y0)) * area.height
  const x = (value: number): number => area.left + ((value - window.x0) / (window.x1 - window.x0)) * area.width
  context.save()
  context.beginPath()
  context.rect(area.left, area.top, area.width, area.height)
  context.clip()
  context.fillStyle = colours.run
  for (const [start, length] of runs) {
    const [low, high] = [y(start * blockSize), y((start + length) * blockSize)]
    context.fillRect(area.left, high, area.width, Math.max(1, low - high))
  }
  context.restore()
  context.font = '12px system-ui, sans-serif'
  context.lineWidth = 1
  context.strokeStyle = colours.line
  context.fillStyle = colours.muted
  const upwards =
    upward === 'blocks'
      ? ticks(window.y0 / blockSize, window.y1 / blockSize, area.height / 44, false).map((each) => each * blockSize)
      : ticks(window.y0, window.y1, area.height / 44, true)
  const upStep = (upwards[1] ?? window.y1) - (upwards[0] ?? window.y0)
  context.textAlign = 'right'
  context.textBaseline = 'middle'
  for (const value of upwards) {
    const at = Math.round(y(value)) + 0.5
    context.beginPath()
    context.moveTo(area.left, at)
    context.lineTo(area.left + area.width, at)
    context.stroke()
    context.fillText(positionText(value, upward, blockSize, upStep), area.left - 8, at)
  }
  const acrosses = ticks(window.x0, window.x1, area.width / 84, false)
  const acrossStep = (acrosses[1] ?? window.x1) - (acrosses[0] ?? window.x0)
  context.textBaseline = 'top'
  for (const value of acrosses) {
    const at = Math.round(x(value)) + 0.5
    context.beginPath()
    context.moveTo(at, bottom)
    context.lineTo(at, bottom + 4)
    context.stroke()
    const text = acrossText(value, across, acrossStep)
    const half = context.measureText(text).width / 2
    context.textAlign = at + half > area.left + area.width + margin.right ? 'right' : 'center'
    context.fillText(text, context.textAlign === 'right' ? area.left + area.width + margin.right : at, bottom + 7)
  }
  context.textAlign = 'right'
  context.fillText(acrossTitle[across], area.left + area.width, bottom + 25)
  context.textAlign = 'left'
  context.fillText(upwardTitle[upward] === upwardTitle.bytes ? '↑ position on the disk' : '↑ block', 4, bottom + 25)
  context.strokeRect(area.left - 0.5, area.top - 0.5, area.width + 1, area.height + 1)
}
