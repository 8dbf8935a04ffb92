/**
 * Cuts a stream of chunks into lines without copying them: a line that lies whole
 * in one chunk is handed on as a range of that chunk; only the piece at a chunk's
 * end is kept until its newline comes.
 *
 * Bounded: no line longer than `longest` is ever held. The rest of such a line is
 * skipped and it is reported once, with its first bytes. Carriage returns before
 * the newline go (serial consoles write them), and so do NULs, which is what the
 * rest of a disk holds when a log was written straight onto one.
 */

export interface LineTaker {
  /** Bytes [start, end) of `bytes` are line `number`, counted from 1; valid during the call only. */
  line(bytes: Buffer, start: number, end: number, number: number): void
  /** A line longer than allowed; the bytes are its beginning. */
  tooLong(bytes: Buffer, start: number, end: number, number: number): void
}

export const longestLineByDefault = 1 << 20

const newline = 10
const carriageReturn = 13

export class LineSplitter {
  private pieces: Buffer[] = []
  private held = 0
  /** The head of a line that is too long, while the rest of it is skipped. */
  private skipped: Buffer | undefined
  private skippedOnlyNuls = false
  private number = 0

  private readonly taker: LineTaker
  private readonly longest: number

  constructor(taker: LineTaker, longest = longestLineByDefault) {
    this.taker = taker
    this.longest = longest
  }

  /** Lines begun so far. */
  get lines(): number {
    return this.number
  }

  push(chunk: Buffer): void {
    const size = chunk.length
    let start = 0
    if (this.held > 0 || this.skipped) {
      const end = chunk.indexOf(newline)
      this.hold(chunk, 0, end < 0 ? size : end)
      if (end < 0) return
      this.finish()
      start = end + 1
    }
    const taker = this.taker
    while (start < size) {
      const end = chunk.indexOf(newline, start)
      if (end < 0) break
      if (end - start > this.longest) {
        this.hold(chunk, start, end)
        this.finish()
      } else {
        let stop = end
        while (stop > start && (chunk[stop - 1] === carriageReturn || chunk[stop - 1] === 0)) stop--
        taker.line(chunk, start, stop, ++this.number)
      }
      start = end + 1
    }
    if (start < size) this.hold(chunk, start, size)
  }

  /** The last line may lack its newline. */
  end(): void {
    if (this.held > 0 || this.skipped) this.finish()
  }

  private hold(chunk: Buffer, start: number, end: number): void {
    if (this.skipped) {
      this.skippedOnlyNuls &&= onlyNuls(chunk, start, end)
      return
    }
    if (this.held + (end - start) <= this.longest) {
      // The chunk's memory may be reused by the stream once push returns.
      if (end > start) this.pieces.push(Buffer.from(chunk.subarray(start, end)))
      this.held += end - start
      return
    }
    const head = Buffer.concat([...this.pieces, chunk.subarray(start, end)], Math.min(this.held + end - start, 1024))
    this.skippedOnlyNuls = onlyNuls(chunk, start, end) && this.pieces.every((piece) => onlyNuls(piece, 0, piece.length))
    this.skipped = Buffer.from(head)
    this.pieces = []
    this.held = 0
  }

  private finish(): void {
    this.number++
    if (this.skipped) {
      const head = this.skipped
      this.skipped = undefined
      if (!this.skippedOnlyNuls) this.taker.tooLong(head, 0, head.length, this.number)
      return
    }
    const line = this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces, this.held)
    this.pieces = []
    this.held = 0
    let stop = line.length
    while (stop > 0 && (line[stop - 1] === carriageReturn || line[stop - 1] === 0)) stop--
    this.taker.line(line, 0, stop, this.number)
  }
}

function onlyNuls(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false
  return true
}
