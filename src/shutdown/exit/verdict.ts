/** What a command's end means for its order. Pure. */
import { exitCode } from '../../errors.js'
import { mostTries, type Order } from '../order.js'
import type { OutcomeKind } from '../outcome.js'
import type { CommandRun } from './ordered-command.js'

export interface Verdict {
  readonly kind: OutcomeKind
  /** For the console. */
  readonly sentence: string
  readonly reason?: string
  /** Whether the filesystem was touched. */
  readonly begun: boolean
  /** Whether the order stands. */
  readonly armed: boolean
  readonly run?: CommandRun
}

export const notThisTime = (reason: string): Verdict => ({
  kind: 'not-this-time',
  sentence: `not this time: ${reason}.`,
  reason,
  begun: false,
  armed: true,
})

/** @param stop what asked for an end, if anything did */
export function judge({ command, limit, tries }: Order, run: CommandRun, stop: AbortSignal): Verdict {
  const begun = { begun: true, armed: false, run }
  const done = { pack: 'packed', apply: 'the plan is carried out', undo: 'the plan is undone' }[command]
  switch (run.status) {
    case exitCode.done:
      return { kind: 'done', sentence: `${done}.`, ...begun }
    case exitCode.partial:
      return { kind: 'partial', sentence: `${done}, but for what could not be moved.`, ...begun }
    case exitCode.nothingToGain:
      return { kind: 'nothing-to-gain', sentence: 'nothing to gain, so nothing was moved.', ...begun }
  }
  if (stop.aborted) {
    const reason = stop.reason === 'time' ? `the time of ${limit} s was over` : `ended by ${String(stop.reason)}`
    return { kind: 'stopped', sentence: `${reason}; what was moved stays.`, reason, ...begun, armed: tries < mostTries }
  }
  const reason = complaintOf(run)
  return { kind: 'failed', sentence: reason, reason, ...begun }
}

/** A command told with --json what was wrong, or at least said something. */
function complaintOf({ report, complaint, status }: CommandRun): string {
  const told = (report as { error?: { message?: unknown } } | undefined)?.error?.message
  return typeof told === 'string' ? told : complaint || `it ended with ${status}`
}
