/** What became of an order, as it is kept beside it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { OrderedCommand } from './order.js'
import { names, stateFolder } from './places.js'

export type OutcomeKind =
  | 'done'
  /** Exit 3: some could not be moved, and that is how it stays. */
  | 'partial'
  /** Exit 4. */
  | 'nothing-to-gain'
  /** By a key, Ctrl-Alt-Del or the time limit, after what was being committed. */
  | 'stopped'
  /** Nothing was begun, for a reason that may be gone next time; the order stands. */
  | 'not-this-time'
  /** It was refused or failed; the order is taken back. */
  | 'failed'

export interface Outcome {
  readonly version: 1
  /** Of the order. */
  readonly id: string
  readonly command: OrderedCommand
  readonly kind: OutcomeKind
  /** For people, one sentence; what stopped or hindered it. */
  readonly reason?: string
  /** ISO 8601, when the machine was going down. */
  readonly when: string
  /** 'reboot', 'poweroff', …; undefined when it came to nothing before that was certain. */
  readonly verb?: string
  /** Seconds the machine was kept from going down. */
  readonly seconds: number
  readonly exitCode?: number
  /** What the command told with --json. */
  readonly report?: unknown
  /** What became of the list of preload; undefined when there is none. */
  readonly preload?: { readonly updated: boolean; readonly reason?: string }
  /** Files that were put in place. */
  readonly written: readonly string[]
  /** Whether the order still stands. */
  readonly armed: boolean
}

/** @returns undefined when there is none, or it cannot be understood */
export function readOutcome(folder = stateFolder): Outcome | undefined {
  try {
    const outcome = JSON.parse(readFileSync(join(folder, names.outcome), 'utf8')) as Outcome
    return outcome.version === 1 ? outcome : undefined
  } catch {
    return undefined
  }
}

export const outcomeText = (outcome: Outcome): string => `${JSON.stringify(outcome, null, 2)}\n`
