/** What to do next with a filesystem that was packed while it was in use. */
import { groupByReason, type Staying } from './stay-lines.js'
import { fold } from '../text/table.js'
import { seconds } from '../text/units.js'

/** The provision room's result has these fields. */
interface Gain {
  readonly model: string
  readonly stays: readonly Staying[]
  readonly nowMs: number
  readonly atRestMs?: number
  readonly withPreloadMs?: number
}

export interface NextCommands {
  /** That packs at shutdown; absent where this bootpack has none. */
  readonly atShutdown?: string
  /** Absent where no system boots from there. */
  readonly preload?: string
}

/** @returns undefined when nothing more is to be had */
export function nextGainText(gain: Gain, { atShutdown, preload }: NextCommands): string | undefined {
  const { model, stays, nowMs, atRestMs, withPreloadMs } = gain
  const lines: string[] = []
  if (atRestMs !== undefined) {
    const what = groupByReason(stays)
      .map(({ what: things, reason }) => (reason === 'running' ? `${things} in execution` : things))
      .join(', ')
    lines.push(
      fold(
        `${what} stayed because the filesystem is in use. Packed ${atShutdown === undefined ? 'unmounted' : 'at shutdown'}, a boot would read for ${seconds(atRestMs)} instead of ${seconds(nowMs)} (${model})${atShutdown === undefined ? '.' : ':'}`,
      ),
    )
    if (atShutdown !== undefined) lines.push(`  ${atShutdown}`)
  }
  const before = atRestMs ?? nowMs
  if (preload !== undefined && withPreloadMs !== undefined && withPreloadMs < before)
    lines.push(
      fold(
        `${lines.length > 0 ? 'Read in advance besides' : 'Read in advance'}, ${seconds(withPreloadMs)} instead of ${seconds(before)}:`,
      ),
      `  ${preload}`,
    )
  return lines.length === 0 ? undefined : lines.join('\n')
}
