import { areaOf, groupOfKind, marksAcross, placeOf, type Group, type PlotSeries } from './paint-plot.js'
import type { Across } from './plot-axes.js'
import type { Window } from './window.js'

/** Pixels around the pointer within which a read is found. */
const reach = 14

/** @returns index of the nearest read to a point of the canvas, if one is near */
export function nearestMark(
  series: PlotSeries,
  size: { width: number; height: number },
  window: Window,
  across: Across,
  hidden: ReadonlySet<Group>,
  x: number,
  y: number,
): number | undefined {
  const area = areaOf(size.width, size.height)
  let best: number | undefined
  let least = reach
  const [first, end] = marksAcross(series, window, across)
  for (let i = first; i < end; i++) {
    const { x0, x1, y0, y1 } = placeOf(series, i, window, area, across)
    const dx = Math.max(0, x0 - x, x - x1)
    const dy = Math.max(0, y1 - y, y - y0)
    const distance = Math.hypot(dx, dy)
    if (distance >= least || hidden.has(groupOfKind[series.marks.kind[i]!]!)) continue
    best = i
    least = distance
  }
  return best
}
