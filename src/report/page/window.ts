/** The part of a picture that is looked at, and moves of it. Both plots share one. */

export interface Window {
  readonly x0: number
  readonly x1: number
  readonly y0: number
  readonly y1: number
}

/** Never closer than this share of the whole, so that axes keep having different numbers. */
const closest = { x: 1e-6, y: 1e-9 }

/** Makes the window `factor` times smaller around a point; a factor below 1 backs off. */
export function zoomed(window: Window, whole: Window, factor: number, x: number, y: number): Window {
  const across = (from: number, to: number, at: number): [number, number] => [
    at - (at - from) / factor,
    at + (to - at) / factor,
  ]
  const [x0, x1] = across(window.x0, window.x1, x)
  const [y0, y1] = across(window.y0, window.y1, y)
  return kept({ x0, x1, y0, y1 }, whole)
}

/** Shifts it by parts of its own size. */
export function shifted({ x0, x1, y0, y1 }: Window, whole: Window, right: number, up: number): Window {
  const [dx, dy] = [(x1 - x0) * right, (y1 - y0) * up]
  return kept({ x0: x0 + dx, x1: x1 + dx, y0: y0 + dy, y1: y1 + dy }, whole)
}

/** The nearest window inside the whole. */
export function kept({ x0, x1, y0, y1 }: Window, whole: Window): Window {
  const inside = (from: number, to: number, low: number, high: number, least: number): [number, number] => {
    const size = Math.min(high - low, Math.max(to - from, (high - low) * least))
    const start = Math.min(high - size, Math.max(low, (from + to) / 2 - size / 2))
    return [start, start + size]
  }
  const [left, right] = inside(x0, x1, whole.x0, whole.x1, closest.x)
  const [bottom, top] = inside(y0, y1, whole.y0, whole.y1, closest.y)
  return { x0: left, x1: right, y0: bottom, y1: top }
}

/** Round numbers in [from, to], at most `most`: steps of 1, 2, 5 times a power of ten, or of powers of two. */
export function ticks(from: number, to: number, most: number, binary: boolean): number[] {
  const least = (to - from) / Math.max(1, most)
  if (!(least > 0)) return []
  let step: number
  if (binary) {
    step = 2 ** Math.ceil(Math.log2(least))
  } else {
    const power = 10 ** Math.floor(Math.log10(least))
    step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least * 0.999999) ?? power * 10
  }
  const marks: number[] = []
  for (let n = Math.ceil(from / step); n * step <= to && marks.length <= most; n++) marks.push(n * step)
  return marks
}
