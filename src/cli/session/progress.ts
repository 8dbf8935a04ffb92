/**
 * What is being done, how far it is and how long it will still take: one line on
 * stderr that is written over, shown only on a terminal and only when a step takes
 * longer than a second. With --verbose every step leaves a line with its time instead.
 */
import { writeSync } from 'node:fs'

export interface ProgressStyle {
  /** Whether the line that is written over may be shown. */
  readonly live: boolean
  /** Whether each step leaves a line when it ends. */
  readonly verbose: boolean
}

/**
 * A descriptor that gets a line of JSON for every step and, now and then, how far it is:
 * for a program that started this one and shows it in its own way.
 */
const toldTo = Number(process.env['BOOTPACK_PROGRESS_FD'] ?? NaN)

export class Progress {
  private told = 0
  private begun = Date.now()
  private shown = 0
  private done = 0
  private total = 0
  private ended = false
  private readonly timer: NodeJS.Timeout | undefined

  private title: string
  private readonly style: ProgressStyle

  constructor(title: string, style: ProgressStyle = { live: process.stderr.isTTY, verbose: false }) {
    this.title = title
    this.style = style
    // A step that cannot tell how far it is still shows that it goes on.
    if (style.live) this.timer = setInterval(() => this.draw(), 250).unref()
    this.tell()
  }

  /** The step before is over, another begins. */
  step(title: string): void {
    this.finish()
    Object.assign(this, { title, begun: Date.now(), done: 0, total: 0, ended: false })
    this.tell()
  }

  /** Of the same unit, whatever it is. */
  update(done: number, total: number): void {
    this.done = done
    this.total = total
    this.draw()
    if (Date.now() - this.told >= 250) this.tell()
  }

  /** Makes room for another line; the next look shows it again. */
  clear(): void {
    if (this.shown > 0) process.stderr.write('\r\u001b[K')
    this.shown = 0
  }

  /** Clears the line; harmless when called again. */
  end(): void {
    clearInterval(this.timer)
    this.finish()
  }

  private tell(): void {
    if (!Number.isInteger(toldTo)) return
    this.told = Date.now()
    try {
      writeSync(toldTo, `${JSON.stringify({ step: this.title, done: this.done, total: this.total })}\n`)
    } catch {
      // Who asked to be told is gone; the work goes on.
    }
  }

  private finish(): void {
    this.clear()
    if (this.style.verbose && !this.ended)
      process.stderr.write(`${this.title}: ${((Date.now() - this.begun) / 1000).toFixed(2)} s\n`)
    this.ended = true
  }

  /** At most ten lines a second, and none before the first second is over. */
  private draw(): void {
    const now = Date.now()
    const took = now - this.begun
    if (!this.style.live || this.ended || took < 1000 || now - this.shown < 100) return
    this.shown = now
    const share = this.done / this.total
    const far =
      share > 0
        ? `${Math.min(100, Math.floor(share * 100))} %, ${timeText(Math.max(0, took / share - took))} left`
        : timeText(took)
    process.stderr.write(`\r\u001b[K${this.title}: ${far}`)
  }
}

/** A duration for people: seconds below two minutes, then minutes, then hours. */
function timeText(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
