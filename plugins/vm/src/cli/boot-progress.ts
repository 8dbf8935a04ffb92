/** One line on stderr that is written over. */
export class BootProgress {
  private shown = false

  private readonly live: boolean

  /** @param live whether it may be shown at all */
  constructor(live: boolean) {
    this.live = live
  }

  update(what: string, seconds: number, reads: number): void {
    if (!this.live) return
    this.shown = true
    process.stderr.write(`\r\u001b[K${what}: ${Math.round(seconds)} s, ${reads.toLocaleString('en-US')} requests`)
  }

  end(): void {
    if (this.shown) process.stderr.write('\r\u001b[K')
  }
}
