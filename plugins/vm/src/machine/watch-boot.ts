/** One boot from switching on to the moment that was waited for, and off again. */
import { BootpackError } from 'bootpack'
import { milliseconds } from '../disk/clock.js'
import type { RequestLog } from '../disk/request-log.js'
import { ConsoleText } from './console-text.js'
import { hostWait } from './host-wait.js'
import type { MachineOptions } from './qemu-arguments.js'
import { Qemu } from './qemu.js'
import { SecondPort } from './second-port.js'
import type { Until } from './until.js'

export interface BootOptions {
  readonly until: Until
  /** Seconds the recording goes on after that. */
  readonly linger: number
  /** Seconds after which a boot counts as failed; of no account when waiting for a time. */
  readonly timeout: number
  readonly signal: AbortSignal
  /** Gets every byte on the serial console and on the second port. */
  readonly onConsole?: (bytes: Buffer) => void
  /** Called about once a second with the seconds since the start and the reads so far. */
  readonly onProgress?: (seconds: number, reads: number) => void
}

export interface WatchedBoot {
  /** Milliseconds of the monotonic clock. */
  readonly started: number
  readonly ended: number
  /** The line that was waited for; undefined when it was a time. */
  readonly line: string | undefined
  /** Seconds of it that the machine waited for a processor of the host; undefined where that is not known. */
  readonly hostWait: number | undefined
}

type Ending =
  | { readonly kind: 'seen'; readonly at: number; readonly hostWait: number | undefined; readonly line?: string }
  | { readonly kind: 'off' | 'timeout' | 'interrupted' }

/** @throws io when the machine ends or the time is over before what was waited for came; interrupted */
export async function watchBoot(
  machine: MachineOptions & { readonly portSocket: string },
  log: RequestLog,
  options: BootOptions,
): Promise<WatchedBoot> {
  const { until, linger, timeout, signal, onProgress } = options
  const text = new ConsoleText()
  let end: (ending: Ending) => void
  const ending = new Promise<Ending>((resolve) => {
    end = resolve
  })
  const looking =
    (at: ConsoleText) =>
    (bytes: Buffer): void => {
      options.onConsole?.(bytes)
      const line = at.add(bytes).find((each) => until.kind === 'text' && until.matches(each))
      if (line !== undefined) end({ kind: 'seen', at: milliseconds(), hostWait: hostWait(qemu.pid), line })
    }
  const port = await SecondPort.listen(machine.portSocket, looking(new ConsoleText()))
  const qemu = await Qemu.start(machine, { onConsole: looking(text) }).catch(async (error: unknown) => {
    await port.close()
    throw error
  })
  const { started } = qemu
  const interrupt = (): void => end({ kind: 'interrupted' })
  const timers = [
    until.kind === 'seconds'
      ? setTimeout(() => end({ kind: 'seen', at: milliseconds(), hostWait: hostWait(qemu.pid) }), until.seconds * 1e3)
      : setTimeout(() => end({ kind: 'timeout' }), timeout * 1e3),
    setInterval(() => onProgress?.((milliseconds() - started) / 1e3, log.requests.length), 1000),
  ]
  signal.addEventListener('abort', interrupt)
  if (signal.aborted) interrupt()
  void qemu.off.then(() => end({ kind: 'off' }))
  try {
    const result = await ending
    if (result.kind === 'seen') {
      if (linger > 0) await lingering(linger, qemu, signal)
      if (!signal.aborted) return { started, ended: result.at, line: result.line, hostWait: result.hostWait }
    }
    if (result.kind === 'interrupted' || signal.aborted)
      throw new BootpackError('interrupted', 'interrupted', 'Interrupted; the machine was switched off.')
    throw notSeen(result.kind, options, qemu.complaint, text.tail)
  } finally {
    log.stop()
    for (const timer of timers) clearTimeout(timer)
    signal.removeEventListener('abort', interrupt)
    await qemu.stop()
    await port.close()
  }
}

/** Some seconds more, unless the machine goes off or somebody interrupts. */
async function lingering(seconds: number, qemu: Qemu, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let interrupt: (() => void) | undefined
  await Promise.race([
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, seconds * 1e3)
    }),
    new Promise<void>((resolve) => signal.addEventListener('abort', (interrupt = () => resolve()))),
    qemu.off,
  ])
  clearTimeout(timer)
  if (interrupt) signal.removeEventListener('abort', interrupt)
}

function notSeen(
  kind: Ending['kind'],
  { until, timeout }: BootOptions,
  complaint: string,
  tail: readonly string[],
): BootpackError {
  const waited =
    until.kind === 'text' ? `the console showed ${JSON.stringify(until.given)}` : `${until.given} seconds were over`
  const what =
    kind === 'timeout'
      ? `After ${timeout} seconds the machine was switched off; it was not yet that ${waited}.`
      : `The machine went off before ${waited}.`
  const said = complaint.trim() === '' ? '' : ` QEMU said: ${complaint.trim().slice(0, 500)}.`
  const last =
    tail.length === 0
      ? ' The console stayed empty.'
      : ` The console's last lines: ${tail
          .slice(-4)
          .map((line) => JSON.stringify(line.slice(0, 200)))
          .join(', ')}.`
  const hint =
    kind === 'timeout'
      ? 'Give it more time with --timeout, or wait for something else with --until.'
      : 'If the kernel found no root, give it the right --initrd, or root= with --append.'
  return new BootpackError('io', kind === 'timeout' ? 'boot-timeout' : 'machine-off', `${what}${said}${last}`, {
    next: `${hint} All the machine said goes to a file with --console FILE.`,
  })
}
