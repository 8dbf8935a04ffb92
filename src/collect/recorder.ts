/** What listens while something runs. Everything it holds of the kernel's is given back by `close`. */
import { BootpackError } from '../errors.js'
import { FanotifyRecorder } from './fanotify-recorder.js'
import type { Mount } from './mounts.js'
import { runningTasks } from './known-tasks.js'
import { ownTasks } from './own-tasks.js'
import type { Recording } from './recording.js'
import { defaultBufferKiB, removeStaleInstances, TraceInstance } from './trace-instance.js'
import { TracefsReads } from './tracefs-reads.js'
import { findTracing } from './tracing-folder.js'

export interface Recorder {
  /** Takes what has happened since; to be called several times a second. */
  drain(): void
  /** Stops listening and hands over what was recorded. Once. */
  finish(): Recording
  /** Stops listening, whatever has become of it; once more does nothing. */
  close(): void
}

export interface RecorderOptions {
  /** One mount of each filesystem to listen to; the kernel's trace listens to all anyway. */
  readonly mounts: readonly Mount[]
  /** Of the kernel's trace, per processor. */
  readonly bufferKiB?: number
}

/** Pages that enter the cache, through a trace instance of our own. */
class TracefsRecorder implements Recorder {
  private readonly tasks = new Set(ownTasks())
  private readonly instance: TraceInstance
  private readonly reads: TracefsReads

  constructor(tracing: string, bufferKiB = defaultBufferKiB) {
    removeStaleInstances(tracing)
    this.instance = TraceInstance.create(tracing, bufferKiB)
    try {
      const begun = Number(process.hrtime.bigint() / 1000n)
      this.reads = new TracefsReads(this.tasks, begun, { before: runningTasks() })
      this.instance.start()
    } catch (error) {
      this.instance.remove()
      throw error
    }
  }

  drain(): void {
    for (const task of ownTasks()) this.tasks.add(task)
    this.instance.drain((chunk) => this.reads.push(chunk))
  }

  finish(): Recording {
    this.instance.stop()
    this.drain()
    const { lost } = this.instance.stats()
    this.instance.remove()
    return this.reads.finish(lost)
  }

  close(): void {
    this.instance.remove()
  }
}

export const openTracefsRecorder = (options: RecorderOptions): Recorder =>
  new TracefsRecorder(findTracing(), options.bufferKiB)

export const openFanotifyRecorder = (options: RecorderOptions): Recorder => new FanotifyRecorder(options.mounts)

/**
 * The kernel's trace where it is to be had, else fanotify.
 * @param onFallback gets the reason
 * @throws refused when neither may be used
 */
export function openBestRecorder(options: RecorderOptions, onFallback: (reason: BootpackError) => void): Recorder {
  try {
    return openTracefsRecorder(options)
  } catch (error) {
    const mayHelp =
      error instanceof BootpackError &&
      (error.family === 'unsupported' || error.family === 'refused') &&
      error.code !== 'needs-root'
    if (!mayHelp) throw error
    const recorder = openFanotifyRecorder(options)
    onFallback(error)
    return recorder
  }
}
