/** From the text of the kernel's buffer to reads, without those of our own tasks. */
import { pageSize } from '../kernel/page-size.js'
import type { KnownTasks } from '../trace/formats/task-table.js'
import { TraceParser } from '../trace/parse/parser.js'
import type { TraceRead } from '../trace/model/trace.js'
import { TaskFilter } from './own-tasks.js'
import type { Recording } from './recording.js'

/** Reads kept in memory: about a gigabyte. What comes later is counted, not kept. */
const mostReads = 5_000_000

export class TracefsReads {
  private readonly filter: TaskFilter
  private readonly parser: TraceParser
  private readonly reads: TraceRead[] = []
  private tooMany = 0

  private readonly begun: number

  /**
   * @param tasks ids of tasks whose reads are left out; may grow meanwhile
   * @param begun microseconds of the kernel's clock that times are counted from
   * @param known which programs ran, where the text does not tell
   */
  constructor(tasks: ReadonlySet<number>, begun = 0, known: KnownTasks = {}) {
    this.begun = begun
    this.filter = new TaskFilter(tasks)
    this.parser = new TraceParser({
      format: 'tracefs',
      device: 'all',
      pageSize: pageSize(),
      name: "The kernel's buffer",
      tasks: known,
    })
  }

  push(chunk: Buffer): void {
    this.keep(this.parser.push(this.filter.push(chunk)))
  }

  /** @param lost events, as the kernel counts them: its text tells of some of them only, of others twice */
  finish(lost: number): Recording {
    this.keep(this.parser.push(this.filter.end()))
    this.keep(this.parser.end())
    const { header, bad } = this.parser.facts()
    const own = this.filter.dropped
    return {
      source: 'tracefs',
      reads: this.reads,
      lost,
      ignored: {
        ...header.ignored,
        ...(own > 0 && { own }),
        ...(bad.count > 0 && { unreadable: bad.count }),
        ...(this.tooMany > 0 && { 'too-many': this.tooMany }),
      },
    }
  }

  private keep(reads: readonly TraceRead[]): void {
    for (const read of reads) {
      if (this.reads.length >= mostReads) this.tooMany++
      else this.reads.push(read.t === undefined ? read : { ...read, t: Math.max(0, read.t - this.begun) })
    }
  }
}
