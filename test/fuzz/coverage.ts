/**
 * Which parts of our code ran since it was last asked, from V8's own block coverage.
 * A part is a range of a source file with how often it ran, in steps of powers of
 * four, so that a loop that runs much longer than ever counts as new.
 */
import { Session, type Profiler } from 'node:inspector'

export class Coverage {
  private readonly session = new Session()
  private readonly seen = new Set<string>()
  private readonly ours: RegExp

  /** @param ours URLs of the scripts that count */
  constructor(ours: RegExp) {
    this.ours = ours
    this.session.connect()
    this.session.post('Profiler.enable')
    this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Parts that ever ran. */
  get parts(): number {
    return this.seen.size
  }

  /** How many parts ran since the last call that never ran before. */
  take(): number {
    let result: Profiler.TakePreciseCoverageReturnType | undefined
    // The session is in this thread, so the answer comes at once.
    this.session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error) throw error
      result = answer
    })
    const before = this.seen.size
    for (const script of result!.result) {
      if (!this.ours.test(script.url)) continue
      for (const { ranges } of script.functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0)
            this.seen.add(`${script.scriptId}:${startOffset}-${endOffset}x${Math.floor(Math.log2(count) / 2)}`)
        }
      }
    }
    return this.seen.size - before
  }

  close(): void {
    this.session.disconnect()
  }
}
