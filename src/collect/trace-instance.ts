/**
 * A buffer of our own in the kernel's tracing: other users of tracing do not see it
 * and we do not touch theirs. It is a folder that we make and remove.
 *
 * Its name says who made it: process id, start time of that process, 16 random
 * digits. An instance whose process is gone was left by kill -9 and is removed by the
 * next recording. One that is open cannot be removed, whoever judges its owner dead.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, mkdirSync, openSync, readdirSync, readSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { ioError } from '../errors.js'
import { asKernelError, failedWith } from '../kernel/errno.js'
import { bufferStats, type BufferStats } from './buffer-stats.js'
import { ownTasks, startTime } from './own-tasks.js'
import { eventSwitch, pageEvent, readTracing, switchEvent, taskEvents, writeTracing } from './tracing-folder.js'
import { onWayOut } from './on-exit.js'

const prefix = 'bootpack'
const namePattern = /^bootpack-(\d+)-(\d+)-[0-9a-f]{16}$/
const pipeChunk = 1 << 16

/** KiB of each processor's part of the buffer: 90,000 events. */
export const defaultBufferKiB = 4096

let chunk: Buffer | undefined

export class TraceInstance {
  private pipe: number | undefined
  private removed = false
  private readonly forget: () => void

  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
    this.forget = onWayOut(() => this.remove())
  }

  /**
   * @param tracing   the folder of tracefs
   * @param bufferKiB per processor
   * @throws KernelError
   */
  static create(tracing: string, bufferKiB = defaultBufferKiB): TraceInstance {
    const name = [prefix, process.pid, startTime(process.pid), randomBytes(8).toString('hex')].join('-')
    const folder = join(tracing, 'instances', name)
    asKernelError({ call: 'mkdir', on: folder }, () => mkdirSync(folder, 0o700))
    const instance = new TraceInstance(folder)
    try {
      // Comparable with our own clock, and the same on all processors.
      writeTracing(folder, 'trace_clock', 'mono')
      writeTracing(folder, 'buffer_size_kb', String(bufferKiB))
      instance.pipe = asKernelError({ call: 'open', on: `${folder}/trace_pipe` }, () =>
        openSync(join(folder, 'trace_pipe'), constants.O_RDONLY | constants.O_NONBLOCK),
      )
      return instance
    } catch (error) {
      instance.remove()
      throw error
    }
  }

  /** Leaves out the tasks of this process, where the kernel can (5.7), and lets the pages come. */
  start(): void {
    try {
      writeTracing(this.folder, 'set_event_notrace_pid', ownTasks().join(' '))
    } catch (error) {
      // Their lines are left out when the text is read.
      if (!failedWith(error, 'ENOENT', 'EACCES', 'EINVAL')) throw error
    }
    for (const event of taskEvents) switchEvent(this.folder, event, true)
    writeTracing(this.folder, eventSwitch(pageEvent), '1')
  }

  /** Takes what has come since, and returns when there is no more. */
  drain(take: (chunk: Buffer) => void): void {
    if (this.pipe === undefined) throw ioError('The trace instance is gone.')
    chunk ??= Buffer.allocUnsafe(pipeChunk)
    for (;;) {
      let filled: number
      try {
        filled = readSync(this.pipe, chunk)
      } catch (error) {
        if (failedWith(error, 'EAGAIN', 'EINTR')) return
        throw ioError(`The pipe of ${this.folder} cannot be read.`, error)
      }
      if (filled === 0) return
      take(chunk.subarray(0, filled))
    }
  }

  /** No more events from here on; what has come can still be drained. */
  stop(): void {
    for (const event of [pageEvent, ...taskEvents]) switchEvent(this.folder, event, false)
  }

  stats(): BufferStats {
    return bufferStats(this.folder)
  }

  /** Once more does nothing. Does not throw: it runs on the way out. */
  remove(): void {
    if (this.removed) return
    if (this.pipe !== undefined) closeSync(this.pipe)
    this.pipe = undefined
    try {
      rmdirSync(this.folder)
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) {
        silence(this.folder)
        process.stderr.write(
          `bootpack: ${this.folder} could not be removed; the next recording will. (${String(error)})\n`,
        )
      }
    }
    this.removed = true
    this.forget()
  }
}

/** @returns the names of removed instances whose process is gone */
export function removeStaleInstances(tracing: string): string[] {
  const removed: string[] = []
  for (const name of readdirSync(join(tracing, 'instances'))) {
    const owner = namePattern.exec(name)
    if (!owner || startTime(Number(owner[1])) === Number(owner[2])) continue
    try {
      rmdirSync(join(tracing, 'instances', name))
      removed.push(name)
    } catch (error) {
      if (!failedWith(error, 'EBUSY', 'ENOENT')) throw error
    }
  }
  return removed
}

/** At least no more events, when the folder must stay. */
function silence(folder: string): void {
  try {
    for (const event of [pageEvent, ...taskEvents])
      if (readTracing(folder, eventSwitch(event)).startsWith('1')) switchEvent(folder, event, false)
  } catch {
    // Somebody else took it away meanwhile.
  }
}
