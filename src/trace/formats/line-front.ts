/**
 * The front of a line of the kernel's trace: the task's name in 16 columns, its id, and
 * with the option record-tgid the id of its process.
 *
 *     systemd-udevd-412     [000] …           rs:main Q:Reg-734     (    701) [001] …
 *       perf-exec 10403 [001] …               (perf script has a blank before the id)
 *
 * Lines of one task come in rows, so the front is compared with the last one before it
 * is read: 24 bytes, which hold the name and ids of up to seven digits (a kernel gives no
 * longer ones), as three numbers. Any two different texts are different numbers, and what
 * would be none (bytes that are no text) equals nothing.
 */
import { decimal, scanned, skipSpaces } from './scan.js'
import { decodeName } from '../../bytes/file-name.js'

const nameColumns = 16
const compared = 24

const blank = 32
const dash = 45
const opening = 40
const closing = 41
const bracket = 91

export class LineFront {
  task = 0
  /** Of its process; undefined where the line does not tell. */
  leader: number | undefined
  /** '' when there is none. */
  name = ''

  private view: DataView = new DataView(new ArrayBuffer(0))
  private viewed: Buffer | undefined
  private first = NaN
  private second = NaN
  private third = NaN

  /** Whether the line begins as the last one that was read. */
  isSame(bytes: Buffer, start: number, end: number): boolean {
    if (start + compared > end) return false
    if (bytes !== this.viewed) this.look(bytes)
    const { view } = this
    return (
      view.getFloat64(start + 16, true) === this.third &&
      view.getFloat64(start + 8, true) === this.second &&
      view.getFloat64(start, true) === this.first
    )
  }

  /** @returns false for a line that does not begin like this */
  read(bytes: Buffer, start: number, end: number): boolean {
    this.forget()
    const at = start + nameColumns
    if (bytes[at] !== dash && bytes[at] !== blank) return false
    if (!decimal(bytes, skipSpaces(bytes, at + 1, end), end)) return false
    this.task = scanned.value
    let next = skipSpaces(bytes, scanned.end, end)
    this.leader = undefined
    if (bytes[next] === opening) {
      const until = bytes.indexOf(closing, next)
      if (until < 0 || until >= end) return false
      if (decimal(bytes, skipSpaces(bytes, next + 1, until), until)) this.leader = scanned.value
      next = skipSpaces(bytes, until + 1, end)
    }
    if (bytes[next] !== bracket || next >= end) return false
    this.name = decodeName(bytes, skipSpaces(bytes, start, at), at)
    if (start + compared <= end) {
      if (bytes !== this.viewed) this.look(bytes)
      this.first = this.view.getFloat64(start, true)
      this.second = this.view.getFloat64(start + 8, true)
      this.third = this.view.getFloat64(start + 16, true)
    }
    return true
  }

  /** What is known of the task may have changed: the next line is read, whatever it begins with. */
  forget(): void {
    this.first = NaN
  }

  private look(bytes: Buffer): void {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.viewed = bytes
  }
}
