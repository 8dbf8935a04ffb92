/** What is counted and shown over one target. */
import type { Console } from './bytes-text.js'
import type { DefragTarget } from './target.js'

export interface Run {
  readonly console: Console
  readonly target: DefragTarget
  readonly verbose: boolean
  readonly isRoot: boolean
  readonly uid: number
  readonly counts: Counts
  /** Inodes of files that a boot loader knows by their blocks. */
  readonly bootLoader: ReadonlySet<number>
}

export class Counts {
  /** Files and directories met so far, of `total`. */
  seen = 0
  total = 0
  regular = 0
  succeeded = 0
  extentsBefore = 0
  extentsAfter = 0
  fragmentedBefore = 0
  fragmentedAfter = 0
  blocks = 0

  meet(): void {
    this.seen++
    if (this.seen > this.total) this.total = this.seen
  }
}

/** Back to the beginning of the last line, and that line empty: progress overwrites itself. */
export const lineStart = '\x1b[79;0H\x1b[K'

export const place = ({ seen, total }: Counts): string => `[${seen}/${total}]`

/** The folder where fsck puts what it finds: nothing in it is touched. */
export const isLostAndFound = ({ target }: Run, path: string): boolean => {
  const folder = `${target.mountPoint === '/' ? '' : target.mountPoint}/lost+found`
  return path === folder || path.startsWith(`${folder}/`)
}

export function printTotals({ counts, console, verbose }: Run): void {
  const { succeeded, total, regular } = counts
  console.out(`\n\tSuccess:\t\t\t[ ${succeeded}/${total} ]\n\tFailure:\t\t\t[ ${total - succeeded}/${total} ]\n`)
  if (!verbose) return
  const percent = (fragmented: number): number => (regular === 0 ? 0 : Math.floor((fragmented * 100) / regular))
  console.out(
    `\tTotal extents:\t\t\t${String(counts.extentsBefore).padStart(4)}->${counts.extentsAfter}\n` +
      `\tFragmented percentage:\t\t${String(percent(counts.fragmentedBefore)).padStart(3)}%->${percent(counts.fragmentedAfter)}%\n`,
  )
}
