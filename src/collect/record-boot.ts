/** The recording the kernel made of this boot: waits for its end, takes it, switches it off. */
import { BootBuffer } from './boot-buffer.js'
import { isActive, systemdRuns } from './boot-target.js'
import { runningTasks, serviceProcesses } from './known-tasks.js'
import { ownTasks } from './own-tasks.js'
import { QuietDisk } from './quiet-disk.js'
import type { Recording } from './recording.js'
import { waitForStop, type StopReason } from './stop-moment.js'
import { TracefsReads } from './tracefs-reads.js'
import { findTracing } from './tracing-folder.js'

export interface BootOptions {
  /** A trace instance the kernel made at boot; the global buffer when left out. */
  readonly instance?: string
  /** The boot is over when systemd has reached this unit … */
  readonly unit: string
  /** … and no disk was read for so many milliseconds; 0: do not wait at all. */
  readonly quietMs: number
  readonly atMostMs: number
  /** Disks to be quiet; all when left out. */
  readonly devices?: ReadonlySet<string>
  readonly signal: AbortSignal
  /** Called once it is sure that something was recorded, before anything is waited for or taken. */
  readonly opened?: () => void
  /** Called when the boot is over, before anything is read for ourselves. */
  readonly over?: () => void
}

export interface BootRecording extends Recording {
  readonly stopped: StopReason
  /** Events and bytes the kernel held; what the buffer must be large enough for. */
  readonly events: number
  readonly eventBytes: number
}

/**
 * Whatever happens, the kernel records no more afterwards and has its memory back.
 * @throws refused when the kernel recorded nothing or may not be asked, unsupported
 *   without tracing, KernelError
 */
export async function recordBoot({
  instance,
  unit,
  quietMs,
  atMostMs,
  devices,
  signal,
  opened,
  over,
}: BootOptions): Promise<BootRecording> {
  const buffer = BootBuffer.open(findTracing(), instance)
  try {
    opened?.()
    const tasks = new Set(ownTasks())
    const stopped =
      quietMs === 0
        ? 'time'
        : await waitForStop({
            quiet: { disk: new QuietDisk(devices), forMs: quietMs },
            ...(systemdRuns() && { ready: () => isActive(unit, tasks) }),
            atMostMs,
            signal,
          })
    over?.()
    buffer.stop()
    const stats = buffer.stats()
    for (const task of ownTasks()) tasks.add(task)
    const services = systemdRuns() ? await serviceProcesses() : []
    const reads = new TracefsReads(tasks, 0, { after: new Map([...services, ...runningTasks()]) })
    for await (const chunk of buffer.text()) reads.push(chunk)
    return { ...reads.finish(stats.lost), stopped, events: stats.entries, eventBytes: stats.bytes }
  } finally {
    buffer.release()
  }
}
