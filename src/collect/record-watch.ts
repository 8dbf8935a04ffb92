/** Records while a command runs, for a time, or until the disks are quiet. */
import { realpathSync } from 'node:fs'
import type { BootpackError } from '../errors.js'
import { escapePath } from '../text/escape-path.js'
import { mountOf, mountsByDevice, type Mount } from './mounts.js'
import { QuietDisk } from './quiet-disk.js'
import { openBestRecorder, openFanotifyRecorder, openTracefsRecorder, type Recorder } from './recorder.js'
import type { Recording } from './recording.js'
import { recordResidency } from './residency.js'
import { waitForStop, type StopConditions, type StopReason } from './stop-moment.js'
import { startCommand, type CommandEnd, type WatchedCommand } from './watched-command.js'

export interface WatchOptions {
  /** By default the kernel's trace, else fanotify. */
  readonly method?: 'tracefs' | 'fanotify' | 'mincore'
  readonly mounts: readonly Mount[]
  /** Paths whose filesystems are recorded (mincore: folders that are looked at); all disks when left out. */
  readonly targets?: readonly string[]
  /** Program and arguments; may be empty. */
  readonly command: readonly string[]
  /** What the command prints goes to stderr. */
  readonly keepStdout: boolean
  readonly atMostMs?: number
  readonly quietMs?: number
  readonly bufferKiB: number
  readonly signal: AbortSignal
  /** Gets a sentence when another method had to be taken. */
  readonly warn: (sentence: string) => void
}

export interface Watched {
  readonly recording: Recording
  /** What was asked for; undefined for all. */
  readonly devices?: ReadonlySet<string>
  readonly stopped: StopReason
  /** Settles when the command ends, which may be later than the recording. */
  readonly command?: Promise<CommandEnd>
}

/**
 * Nothing of the kernel's is left on when this settles, in whichever way.
 * @throws usage for targets that lie on no disk and commands that cannot be started;
 *   refused, unsupported as the recorders do; KernelError
 */
export async function recordWatch(options: WatchOptions): Promise<Watched> {
  const { mounts, targets, method, signal } = options
  const places = targets?.map((target) => ({ mount: mountOf(target, mounts), folder: realpathSync(target) }))
  const devices = places && new Set(places.map(({ mount }) => mount.device))
  const shown = [...mountsByDevice(mounts).values()].filter(({ device }) => !devices || devices.has(device))
  const asked = devices ? { devices } : {}
  if (method === 'mincore') {
    const { stopped, command } = await runAndWait(options, devices)
    const all = places ?? shown.map((mount) => ({ folder: mount.mountPoint, mount }))
    const { interrupted, ...recording } = await recordResidency(
      all,
      stopped === 'interrupted' ? new AbortController().signal : signal,
    )
    return {
      recording,
      ...asked,
      stopped: interrupted ? 'interrupted' : stopped,
      ...(command && { command: command.ended }),
    }
  }
  const recorder = openRecorder(options, shown)
  try {
    const { stopped, command } = await runAndWait(options, devices, recorder)
    return { recording: recorder.finish(), ...asked, stopped, ...(command && { command: command.ended }) }
  } finally {
    recorder.close()
  }
}

function openRecorder({ method, bufferKiB, warn }: WatchOptions, mounts: readonly Mount[]): Recorder {
  const options = { mounts, bufferKiB }
  if (method === 'tracefs') return openTracefsRecorder(options)
  if (method === 'fanotify') return openFanotifyRecorder(options)
  return openBestRecorder(options, (reason: BootpackError) =>
    warn(`${escapePath(reason.message)} Recording with fanotify: files, not pages.`),
  )
}

async function runAndWait(
  options: WatchOptions,
  devices: ReadonlySet<string> | undefined,
  recorder?: Recorder,
): Promise<{ stopped: StopReason; command?: WatchedCommand }> {
  const { command: words, keepStdout, atMostMs, quietMs, signal } = options
  const command = words.length > 0 ? await startCommand(words, keepStdout) : undefined
  // A snapshot of what is in memory waits for nothing unless told to.
  if (!recorder && !command && atMostMs === undefined && quietMs === undefined) return { stopped: 'time' }
  const conditions: StopConditions = {
    signal,
    ...(command && { command: command.ended }),
    ...(atMostMs !== undefined && { atMostMs }),
    ...(quietMs !== undefined && { quiet: { disk: new QuietDisk(devices), forMs: quietMs } }),
    ...(recorder && { tick: () => recorder.drain() }),
  }
  return { stopped: await waitForStop(conditions), ...(command && { command }) }
}
