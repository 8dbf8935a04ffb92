/** One line on stderr that is written over; nothing when stderr is not a terminal. */
export class BootProgress {
  private shown = false

  update(what: string, seconds: number, reads: number): void {
    if (!process.stderr.isTTY) return
    this.shown = true
    process.stderr.write(`\r\u001b[K${what}: ${Math.round(seconds)} s, ${reads.toLocaleString('en-US')} requests`)
  }

  end(): void {
    if (this.shown) process.stderr.write('\r\u001b[K')
  }
}
