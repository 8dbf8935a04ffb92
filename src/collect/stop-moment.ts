/** When a recording ends. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { QuietDisk } from './quiet-disk.js'

export type StopReason =
  | 'quiet' // no disk was read for the time asked for
  | 'time' // the time was up
  | 'command' // the command ended
  | 'interrupted' // a signal came

export interface StopConditions {
  /** The disk must be quiet for so many milliseconds, counted from when `ready` first held. */
  readonly quiet?: { readonly disk: QuietDisk; readonly forMs: number }
  /** Whether what is recorded has come far enough for the quiet to count. Asked about once a second. */
  readonly ready?: () => Promise<boolean>
  /** Milliseconds from now. */
  readonly atMostMs?: number
  /** Settles when the command has ended. */
  readonly command?: Promise<unknown>
  readonly signal: AbortSignal
  /** Called all the while, to take what has come. */
  readonly tick?: () => void
}

const tickMs = 50
const askMs = 1000

/** Waits for whichever comes first. */
export async function waitForStop({
  quiet,
  ready,
  atMostMs,
  command,
  signal,
  tick,
}: StopConditions): Promise<StopReason> {
  const begun = performance.now()
  const ending = new AbortController()
  const end = (): void => ending.abort()
  command?.then(end, end)
  const wake = AbortSignal.any([signal, ending.signal])
  let isReady = ready === undefined
  let asked = -Infinity
  let readySince = begun
  for (;;) {
    tick?.()
    if (signal.aborted) return 'interrupted'
    if (ending.signal.aborted) return 'command'
    const now = performance.now()
    if (atMostMs !== undefined && now - begun >= atMostMs) return 'time'
    if (!isReady && now - asked >= askMs) {
      asked = now
      isReady = await ready!()
      readySince = performance.now()
    }
    if (quiet) {
      // Looked at all the time, so that the first look after getting ready does not count as a read.
      const quietFor = quiet.disk.look(now)
      if (isReady && Math.min(quietFor, now - readySince) >= quiet.forMs) return 'quiet'
    }
    const left = atMostMs === undefined ? Infinity : begun + atMostMs - now
    await sleep(Math.max(1, Math.min(tickMs, left)), undefined, { signal: wake }).catch(() => {})
  }
}
