/** One canvas: its size, its pointer and its keys. What they mean is the chart's to say. */
import { nearestMark } from './find-mark.js'
import { areaOf, paintPlot, type PlotSeries, type PlotStyle } from './paint-plot.js'
import type { Window } from './window.js'

export interface PlotEvents {
  zoom(factor: number, x: number, y: number): void
  /** By parts of the window. */
  shift(right: number, up: number): void
  show(window: Window): void
  reset(): void
  hover(plot: Plot, mark: number | undefined, at?: { x: number; y: number }): void
  step(plot: Plot, by: number): void
}

export class Plot {
  private readonly context: CanvasRenderingContext2D
  private size = { width: 0, height: 0 }
  private readonly pointers = new Map<number, { x: number; y: number }>()
  private box: { x: number; y: number; toX: number; toY: number } | undefined
  private window: Window | undefined
  private style: PlotStyle | undefined

  readonly holder: HTMLElement
  readonly canvas: HTMLCanvasElement
  readonly series: PlotSeries
  private readonly events: PlotEvents

  constructor(
    holder: HTMLElement,
    canvas: HTMLCanvasElement,
    series: PlotSeries,
    events: PlotEvents,
    resized: () => void,
  ) {
    this.holder = holder
    this.canvas = canvas
    this.series = series
    this.events = events
    this.context = canvas.getContext('2d')!
    new ResizeObserver(() => resized()).observe(holder)
    this.listen()
  }

  /** @param paper draw for this size, in pixels, instead of the one there is on the screen */
  paint(window: Window, style: PlotStyle, paper?: { width: number; height: number }): number {
    this.window = window
    this.style = style
    const ratio = paper ? 3 : globalThis.devicePixelRatio || 1
    const { clientWidth: width, clientHeight: height } = this.holder
    this.size = paper ?? { width, height }
    return this.paintSized(ratio)
  }

  private paintSized(ratio: number): number {
    const {
      size: { width, height },
      style,
      window,
    } = this
    if (!style || !window) return 0
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio)
      this.canvas.height = Math.round(height * ratio)
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0)
    const visible = paintPlot(this.context, this.size, this.series, window, style)
    if (this.box) this.paintBox(this.box, style.colours.accent)
    this.canvas.dataset['visible'] = String(visible)
    return visible
  }

  /** Pixels of the canvas to reads and bytes. */
  private point(x: number, y: number): { x: number; y: number } {
    const area = areaOf(this.size.width, this.size.height)
    const { x0, x1, y0, y1 } = this.window!
    return {
      x: x0 + ((x - area.left) / area.width) * (x1 - x0),
      y: y0 + ((area.top + area.height - y) / area.height) * (y1 - y0),
    }
  }

  private paintBox({ x, y, toX, toY }: NonNullable<Plot['box']>, colour: string): void {
    this.context.strokeStyle = colour
    this.context.lineWidth = 1.5
    this.context.setLineDash([5, 3])
    this.context.strokeRect(Math.min(x, toX), Math.min(y, toY), Math.abs(toX - x), Math.abs(toY - y))
    this.context.setLineDash([])
  }

  private listen(): void {
    const { holder, canvas, events } = this
    const place = (event: MouseEvent): { x: number; y: number } => {
      const { left, top } = canvas.getBoundingClientRect()
      return { x: event.clientX - left, y: event.clientY - top }
    }
    // The wheel scrolls the page until a plot is chosen: nobody should be caught by a picture.
    holder.addEventListener(
      'wheel',
      (event) => {
        if (!event.ctrlKey && !event.metaKey && document.activeElement !== holder) return
        event.preventDefault()
        const at = place(event)
        const { x, y } = this.point(at.x, at.y)
        events.zoom(
          Math.exp(-Math.max(-200, Math.min(200, event.deltaY * (event.deltaMode === 1 ? 30 : 1))) / 250),
          x,
          y,
        )
      },
      { passive: false },
    )
    holder.addEventListener('dblclick', (event) => {
      const at = place(event)
      const { x, y } = this.point(at.x, at.y)
      events.zoom(event.shiftKey ? 1 / 3 : 3, x, y)
    })
    holder.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return
      holder.setPointerCapture(event.pointerId)
      const at = place(event)
      this.pointers.set(event.pointerId, at)
      if (event.shiftKey && this.pointers.size === 1) this.box = { ...at, toX: at.x, toY: at.y }
    })
    holder.addEventListener('pointermove', (event) => this.move(event, place(event)))
    const lift = (event: PointerEvent): void => {
      this.pointers.delete(event.pointerId)
      const { box } = this
      this.box = undefined
      if (!box) return
      const from = this.point(Math.min(box.x, box.toX), Math.max(box.y, box.toY))
      const to = this.point(Math.max(box.x, box.toX), Math.min(box.y, box.toY))
      if (event.type === 'pointerup' && Math.abs(box.toX - box.x) > 4 && Math.abs(box.toY - box.y) > 4)
        events.show({ x0: from.x, x1: to.x, y0: from.y, y1: to.y })
    }
    holder.addEventListener('pointerup', lift)
    holder.addEventListener('pointercancel', lift)
    holder.addEventListener('pointerleave', () => events.hover(this, undefined))
    holder.addEventListener('keydown', (event) => this.key(event))
  }

  private move(event: PointerEvent, at: { x: number; y: number }): void {
    const { events, pointers } = this
    const before = pointers.get(event.pointerId)
    if (!before) {
      const mark =
        this.style &&
        this.window &&
        nearestMark(this.series, this.size, this.window, this.style.across, this.style.hidden, at.x, at.y)
      events.hover(this, mark, at)
      return
    }
    pointers.set(event.pointerId, at)
    const area = areaOf(this.size.width, this.size.height)
    if (this.box) {
      this.box = { ...this.box, toX: at.x, toY: at.y }
      events.shift(0, 0)
    } else if (pointers.size === 1) {
      events.shift((before.x - at.x) / area.width, (at.y - before.y) / area.height)
    } else if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)![1]
      const middle = this.point((at.x + other.x) / 2, (at.y + other.y) / 2)
      const apart = Math.max(1, Math.hypot(before.x - other.x, before.y - other.y))
      events.zoom(Math.max(1, Math.hypot(at.x - other.x, at.y - other.y)) / apart, middle.x, middle.y)
      events.shift((before.x - at.x) / area.width / 2, (at.y - before.y) / area.height / 2)
    }
  }

  private key(event: KeyboardEvent): void {
    const { events } = this
    if (event.ctrlKey || event.metaKey || event.altKey || !this.window) return
    const middle = { x: (this.window.x0 + this.window.x1) / 2, y: (this.window.y0 + this.window.y1) / 2 }
    const part = event.shiftKey ? 0.5 : 0.1
    const actions: Record<string, () => void> = {
      ArrowLeft: () => events.shift(-part, 0),
      ArrowRight: () => events.shift(part, 0),
      ArrowUp: () => events.shift(0, part),
      ArrowDown: () => events.shift(0, -part),
      '+': () => events.zoom(1.5, middle.x, middle.y),
      '=': () => events.zoom(1.5, middle.x, middle.y),
      '-': () => events.zoom(1 / 1.5, middle.x, middle.y),
      _: () => events.zoom(1 / 1.5, middle.x, middle.y),
      '0': () => events.reset(),
      Home: () => events.reset(),
      n: () => events.step(this, 1),
      p: () => events.step(this, -1),
      Escape: () => events.hover(this, undefined),
    }
    const action = actions[event.key]
    if (!action) return
    event.preventDefault()
    action()
  }
}
