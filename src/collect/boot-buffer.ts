/**
 * The buffer the kernel filled on its own since its first moments, because its
 * command line said `trace_event=…`. Nothing of ours ran meanwhile; here it is
 * stopped, read and given back.
 *
 * It is the machine's one global buffer (or an instance made by `trace_instance=`).
 * So only what the command line switched on is switched off, and the buffer is
 * emptied and shrunk only when nobody else's events are on.
 */
import { createReadStream, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { ioError, refused, usageError } from '../errors.js'
import { errnoOf, failedWith } from '../kernel/errno.js'
import { bufferStats, type BufferStats } from './buffer-stats.js'
import {
  eventSwitch,
  inodeProbe,
  pageEvent,
  readTracing,
  requestEvent,
  switchEvent,
  taskEvents,
  writeTracing,
} from './tracing-folder.js'
import { onWayOut } from './on-exit.js'

export class BootBuffer {
  private released = false
  private readonly forget: () => void

  readonly folder: string
  private readonly instance: boolean

  private constructor(folder: string, instance: boolean) {
    this.folder = folder
    this.instance = instance
    this.forget = onWayOut(() => this.release())
  }

  /**
   * @param tracing  the folder of tracefs
   * @param instance name of an instance the kernel made at boot; the global buffer when left out
   * @throws refused when nothing was recorded; usage when there is no such instance
   */
  static open(tracing: string, instance?: string): BootBuffer {
    const folder = instance === undefined ? tracing : instanceFolder(tracing, instance)
    const on = readTracing(folder, eventSwitch(pageEvent)).startsWith('1')
    if (!on && bufferStats(folder).entries === 0) {
      throw refused(
        'nothing-recorded',
        'The kernel did not record this boot.',
        'Prepare the next one with: bootpack collect setup --apply (or record now with: bootpack collect watch).',
      )
    }
    return new BootBuffer(folder, instance !== undefined)
  }

  /** No more events from here on; the text stays. */
  stop(): void {
    const ours = this.instance ? taskEvents : taskEvents.filter(onCommandLine)
    for (const event of [pageEvent, requestEvent, inodeProbe.event, ...ours]) switchEvent(this.folder, event, false)
  }

  stats(): BufferStats {
    return bufferStats(this.folder)
  }

  /** The whole text. Call after `stop`. */
  text(): AsyncIterable<Buffer> {
    return createReadStream(join(this.folder, 'trace'), { highWaterMark: 1 << 18 })
  }

  /** Stops, empties and shrinks it; once more does nothing. Does not throw: it runs on the way out. */
  release(): void {
    if (this.released) return
    this.released = true
    this.forget()
    try {
      this.stop()
      if (this.instance) rmdirSync(this.folder)
      else if (!othersTrace(this.folder)) empty(this.folder)
    } catch (error) {
      process.stderr.write(`bootpack: tracing could not be switched off in ${this.folder} (${String(error)})\n`)
    }
  }
}

function instanceFolder(tracing: string, name: string): string {
  if (!/^[\w.-]+$/.test(name) || /^\.+$/.test(name))
    throw usageError('bad-instance', `${JSON.stringify(name)} is no name of a trace instance.`)
  const folder = join(tracing, 'instances', name)
  try {
    readTracing(folder, 'tracing_on')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    if (failedWith(error, 'ENOENT'))
      throw usageError(
        'no-instance',
        `The kernel has no trace instance ${name}.`,
        `There may be others in ${tracing}/instances.`,
      )
    throw ioError(`The trace instance ${name} cannot be read.`, error)
  }
  return folder
}

/** Events of tasks are of use to many: they may be on for somebody else. */
const onCommandLine = (event: string): boolean => readFileSync('/proc/cmdline', 'utf8').includes(event)

/** Whether the global buffer serves somebody else as well. */
const othersTrace = (folder: string): boolean =>
  readTracing(folder, 'set_event').trim() !== '' || readTracing(folder, 'current_tracer').trim() !== 'nop'

function empty(folder: string): void {
  leaveOutNobody(folder)
  // As the kernel has it when nobody asks for anything else.
  writeTracing(folder, 'options/overwrite', '1')
  writeTracing(folder, 'trace', '')
  writeTracing(folder, 'buffer_size_kb', '1')
}

/** The unit that runs us has the kernel leave us out. */
function leaveOutNobody(folder: string): void {
  try {
    writeTracing(folder, 'set_event_notrace_pid', '')
  } catch (error) {
    if (!failedWith(error, 'ENOENT', 'EACCES')) throw error
  }
}
