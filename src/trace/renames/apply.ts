import type { Rename } from './guess.js'
import type { Trace, TraceRead } from '../model/trace.js'

/** The trace with new names. A file that was replaced has another inode number, so a renamed read loses its own. */
export function renamed(trace: Trace, renames: readonly Rename[]): Trace {
  const to = new Map(renames.map((rename) => [rename.from, rename.to]))
  return {
    ...trace,
    header: { ...trace.header, renamed: renames.length },
    reads: trace.reads.map((read): TraceRead => {
      const path = read.path === undefined ? undefined : to.get(read.path)
      if (path === undefined) return read
      const { ino: _, ...rest } = read
      return { ...rest, path }
    }),
  }
}
