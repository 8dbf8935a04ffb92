/** The plots side by side: one window, one choice, drawn once a frame however much happens. */
import { markKinds } from '../embedded/mark-columns.js'
import type { PageData } from '../embedded/page-data.js'
import { Plot, type PlotEvents } from './plot.js'
import { groupOfKind, placeOf, areaOf, type Colours, type Group, type PlotSeries } from './paint-plot.js'
import type { Across, Upward } from './plot-axes.js'
import { bytes, count } from '../../text/units.js'
import { kept, shifted, zoomed, type Window } from './window.js'

/** Of a plot on paper, in pixels: two stand side by side. */
const paperSize = { width: 480, height: 330 }

interface Choice {
  readonly plot: Plot
  readonly mark: number
}

const kindNames: Record<(typeof markKinds)[number], string> = {
  data: '',
  directory: 'directory',
  symlink: 'symbolic link',
  tree: 'extent tree',
  xattr: 'attributes',
  device: '',
  inode: 'inode table',
}

export class Chart implements PlotEvents {
  readonly plots: readonly Plot[]
  private window: Window
  private across: Across = 'order'
  private upward: Upward = 'bytes'
  private readonly hidden = new Set<Group>()
  private headPath = true
  private choice: Choice | undefined
  private awaited = false
  private printing = false

  private readonly data: PageData
  private readonly root: HTMLElement

  constructor(data: PageData, series: readonly PlotSeries[], root: HTMLElement) {
    this.data = data
    this.root = root
    const holders = [...root.querySelectorAll<HTMLElement>('.plot-area')]
    this.window = this.wholeOf(series)
    this.plots = series.map(
      (each, i) => new Plot(holders[i]!, holders[i]!.querySelector('canvas')!, each, this, () => this.invalidate()),
    )
    this.listen()
    this.invalidate()
  }

  /** Everything there is, of all plots, so that both have the same axes. */
  private wholeOf(series: readonly PlotSeries[]): Window {
    let x1 = 1
    series.forEach(({ marks, blockSize }) => {
      if (marks.count === 0) return
      if (this.across === 'order') {
        x1 = Math.max(x1, (marks.at[marks.count - 1]! + marks.length[marks.count - 1]!) * blockSize)
      } else {
        for (const time of marks.time) x1 = Math.max(x1, time)
      }
    })
    const y1 = Math.max(1, ...this.data.layouts.map(({ blockSize, blockCount }) => blockSize * blockCount))
    return { x0: 0, x1, y0: 0, y1 }
  }

  private get whole(): Window {
    return this.wholeOf(this.plots.map(({ series }) => series))
  }

  invalidate(): void {
    if (this.awaited) return
    this.awaited = true
    requestAnimationFrame(() => {
      this.awaited = false
      this.paint()
    })
  }

  private paint(): void {
    const { across, upward, hidden, headPath, choice } = this
    const colours = coloursOf(this.root)
    const file = choice && choice.plot.series.marks.file[choice.mark]!
    const visible = this.plots.map((plot, i) =>
      plot.paint(
        this.window,
        {
          colours: { ...colours, data: this.plots.length > 1 && i === 0 ? colours.before : colours.after },
          across,
          upward,
          hidden,
          headPath,
          file: file === undefined || file < 0 ? undefined : file,
          mark: choice?.plot === plot ? choice.mark : undefined,
        },
        this.printing ? paperSize : undefined,
      ),
    )
    this.root.dataset['frames'] = String(Number(this.root.dataset['frames'] ?? 0) + 1)
    const status = this.root.querySelector('.plot-status')!
    const text = visible
      .map(
        (each, i) =>
          `${this.data.layouts[i]!.name}: ${count(each)} of ${count(this.plots[i]!.series.marks.count)} pieces in view`,
      )
      .join(' · ')
    if (status.textContent !== text) status.textContent = text
  }

  zoom(factor: number, x: number, y: number): void {
    this.window = zoomed(this.window, this.whole, factor, x, y)
    this.invalidate()
  }

  shift(right: number, up: number): void {
    this.window = shifted(this.window, this.whole, right, up)
    this.invalidate()
  }

  show(window: Window): void {
    this.window = kept(window, this.whole)
    this.invalidate()
  }

  reset(): void {
    this.show(this.whole)
  }

  hover(plot: Plot, mark: number | undefined, at?: { x: number; y: number }): void {
    if (mark === this.choice?.mark && plot === this.choice?.plot && !at) return
    this.choice = mark === undefined ? undefined : { plot, mark }
    this.tell(at)
    this.invalidate()
  }

  /** To the next or previous read that is not hidden, with the window following it. */
  step(plot: Plot, by: number): void {
    const { marks, blockSize } = plot.series
    let mark = this.choice?.plot === plot ? this.choice.mark + by : by > 0 ? 0 : marks.count - 1
    while (mark >= 0 && mark < marks.count && this.hidden.has(groupOfKind[marks.kind[mark]!]!)) mark += by
    if (mark < 0 || mark >= marks.count) return
    const x = this.across === 'order' ? marks.at[mark]! * blockSize : marks.time[mark]!
    const y = marks.start[mark]! * blockSize
    const { x0, x1, y0, y1 } = this.window
    if (x < x0 || x > x1 || y < y0 || y > y1) {
      this.window = kept(
        { x0: x - (x1 - x0) / 2, x1: x + (x1 - x0) / 2, y0: y - (y1 - y0) / 2, y1: y + (y1 - y0) / 2 },
        this.whole,
      )
    }
    const { clientWidth: width, clientHeight: height } = plot.holder
    const place = placeOf(plot.series, mark, this.window, areaOf(width, height), this.across)
    this.hover(plot, mark, { x: place.x1, y: place.y1 })
  }

  /** The words for the chosen read, beside it. */
  private tell(at: { x: number; y: number } | undefined): void {
    for (const { holder } of this.plots) holder.querySelector<HTMLElement>('.tip')!.hidden = true
    const { choice } = this
    if (!choice || !at) return
    const { plot, mark } = choice
    const tip = plot.holder.querySelector<HTMLElement>('.tip')!
    const [name, ...lines] = this.wordsFor(choice)
    const title = document.createElement('b')
    title.textContent = name!
    tip.replaceChildren(
      title,
      ...lines.map((line) => {
        const element = document.createElement('span')
        element.textContent = line
        return element
      }),
    )
    tip.hidden = false
    const { clientWidth: width, clientHeight: height } = plot.holder
    tip.style.left = `${Math.max(4, Math.min(at.x + 14, width - tip.offsetWidth - 4))}px`
    tip.style.top = `${at.y + 18 + tip.offsetHeight > height ? Math.max(4, at.y - tip.offsetHeight - 12) : at.y + 18}px`
    tip.dataset['mark'] = String(mark)
  }

  private wordsFor({
    plot: {
      series: { marks, blockSize },
    },
    mark,
  }: Choice): string[] {
    const [start, length, file] = [marks.start[mark]!, marks.length[mark]!, marks.file[mark]!]
    const kind = kindNames[markKinds[marks.kind[mark]!]!]
    const blocks = length === 1 ? `block ${count(start)}` : `blocks ${count(start)} to ${count(start + length - 1)}`
    const gap = mark === 0 ? undefined : start - (marks.start[mark - 1]! + marks.length[mark - 1]!)
    return [
      file < 0 ? 'Inode tables, bitmaps and the like' : (this.data.files[file] ?? '?'),
      `${kind === '' ? '' : `${kind}, `}${blocks}, ${bytes(length * blockSize)} at ${bytes(start * blockSize)}`,
      ...(file >= 0 && kind === '' ? [`from block ${count(marks.block[mark]!)} of the file`] : []),
      `read ${count(mark + 1)}, after ${bytes(marks.at[mark]! * blockSize)}${this.data.timed ? `, at ${(marks.time[mark]! / 1e6).toFixed(3)} s` : ''}`,
      ...(gap === undefined
        ? []
        : [
            gap === 0
              ? 'no seek: begins where the last read ended'
              : `seek of ${bytes(Math.abs(gap) * blockSize)} ${gap > 0 ? 'up' : 'down'}`,
          ]),
    ]
  }

  private listen(): void {
    const { root } = this
    root.addEventListener('change', ({ target }) => {
      if (!(target instanceof HTMLInputElement)) return
      if (target.name === 'across') {
        this.across = target.value as Across
        this.window = { ...this.window, x0: this.whole.x0, x1: this.whole.x1 }
      } else if (target.name === 'upward') {
        this.upward = target.value as Upward
      } else if (target.name === 'head-path') {
        this.headPath = target.checked
      } else if (target.checked) {
        this.hidden.delete(target.value as Group)
      } else {
        this.hidden.add(target.value as Group)
      }
      this.invalidate()
    })
    root.addEventListener('click', ({ target }) => {
      const button = target instanceof Element ? target.closest<HTMLButtonElement>('button[data-do]') : null
      const middle = { x: (this.window.x0 + this.window.x1) / 2, y: (this.window.y0 + this.window.y1) / 2 }
      const wish = button?.dataset['do']
      if (wish === 'in') this.zoom(2, middle.x, middle.y)
      else if (wish === 'out') this.zoom(0.5, middle.x, middle.y)
      else if (wish === 'all') this.reset()
      else if (wish === 'run') this.showRun()
    })
    for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)'])
      matchMedia(query).addEventListener('change', () => this.invalidate())
    // Paper is white, and waits for no frame.
    addEventListener('beforeprint', () => this.print(true))
    addEventListener('afterprint', () => this.print(false))
  }

  private print(on: boolean): void {
    if (this.printing === on) return
    this.printing = on
    document.documentElement.classList.toggle('printing', on)
    this.paint()
  }

  private showRun(): void {
    const { runs, blockSize } = this.plots.at(-1)!.series
    if (runs.length === 0) return
    const low = Math.min(...runs.map(([start]) => start))
    const high = Math.max(...runs.map(([start, length]) => start + length))
    const edge = Math.max(1, (high - low) * 0.05)
    this.show({ ...this.window, y0: (low - edge) * blockSize, y1: (high + edge) * blockSize })
  }
}

/** From the style sheet, so that themes are in one place. */
function coloursOf(element: HTMLElement): Colours & { readonly before: string; readonly after: string } {
  const style = getComputedStyle(element)
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim()
  return {
    background: colour('plot'),
    ink: colour('ink'),
    muted: colour('muted'),
    line: colour('plot-line'),
    data: colour('after'),
    directories: colour('directories'),
    fixed: colour('fixed'),
    accent: colour('accent'),
    run: colour('run'),
    before: colour('before'),
    after: colour('after'),
  }
}
