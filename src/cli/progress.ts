/** One line on stderr that is written over; nothing when stderr is not a terminal. */
export class Progress {
  private readonly begun = Date.now()
  private shown = 0
  private readonly live = process.stderr.isTTY

  constructor(private readonly title: string) {}

  /** At most ten lines a second, and none before the first second is over. */
  update(done: number, total: number): void {
    const now = Date.now()
    if (!this.live || total === 0 || now - this.begun < 1000 || now - this.shown < 100) return
    this.shown = now
    const share = done / total
    const left = share > 0 ? Math.round(((now - this.begun) / share - (now - this.begun)) / 1000) : undefined
    process.stderr.write(`\r\u001b[K${this.title}: ${Math.floor(share * 100)} %${left === undefined ? '' : `, ${left} s left`}`)
  }

  end(): void {
    if (this.shown > 0) process.stderr.write('\r\u001b[K')
  }
}
