/**
 * A recorder must not record itself. The kernel can be told to leave out a task, but
 * not what it did before it was told, and a program has threads: so lines of our own
 * tasks are also left out when the text is read.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Ids of the threads of this process; the first of them is the process itself. */
export const ownTasks = (): number[] => readdirSync('/proc/self/task').map(Number)

/** Start of a process in clock ticks since boot; with the pid it names a process for good. undefined when there is none. */
export function startTime(pid: number): number | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The second field is the program's name in parentheses and may hold anything; this is the 22nd.
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[19])
}

const newline = 10
const dash = 45
const blank = 32

/** The kernel writes the name of the task in 16 columns, then a dash and its id. */
const dashAt = 16

/** Leaves out lines of trace text by the task they are about. Chunks may be cut anywhere. */
export class TaskFilter {
  /** Lines left out. */
  dropped = 0
  private rest: Buffer | undefined

  private readonly tasks: ReadonlySet<number>

  /** @param tasks may grow while lines come */
  constructor(tasks: ReadonlySet<number>) {
    this.tasks = tasks
  }

  /** The lines that are complete, without those of the tasks. */
  push(chunk: Buffer): Buffer {
    const bytes = this.rest ? Buffer.concat([this.rest, chunk]) : chunk
    const end = bytes.lastIndexOf(newline) + 1
    this.rest = end < bytes.length ? Buffer.from(bytes.subarray(end)) : undefined
    return this.without(bytes, end)
  }

  /** The last line, where it lacks its newline. */
  end(): Buffer {
    const { rest } = this
    this.rest = undefined
    return rest ? this.without(rest, rest.length) : Buffer.alloc(0)
  }

  private without(bytes: Buffer, end: number): Buffer {
    const kept: Buffer[] = []
    let from = 0
    for (let at = 0; at < end;) {
      const line = bytes.indexOf(newline, at)
      const next = line < 0 || line >= end ? end : line + 1
      if (this.tasks.has(taskOf(bytes, at, next))) {
        this.dropped++
        if (at > from) kept.push(bytes.subarray(from, at))
        from = next
      }
      at = next
    }
    if (from === 0) return bytes.subarray(0, end)
    if (end > from) kept.push(bytes.subarray(from, end))
    return Buffer.concat(kept)
  }
}

/** -1 for lines about no task. */
function taskOf(bytes: Buffer, start: number, end: number): number {
  let at = start + dashAt
  if (at + 1 >= end || bytes[at] !== dash) return -1
  let task = 0
  for (at++; at < end && bytes[at]! >= 48 && bytes[at]! <= 57; at++) task = task * 10 + bytes[at]! - 48
  return bytes[at] === blank ? task : -1
}
