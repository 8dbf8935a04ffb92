/**
 * What comes next. Pure: of the state that was kept and of what is found on the machine
 * it says what to do, and of what came of that the state that follows.
 *
 * The power may go between any two instants. So every command is one that may be run
 * again, what a step is done by is looked for on the machine and not remembered, and
 * what is begun is written down before it is.
 */
import type { AutoState, Step } from './state.js'

/** What is found on the machine. */
export interface Facts {
  /** ISO 8601. */
  readonly now: string
  /** When each boot that was recorded began, as far as its trace is there. */
  readonly recorded: readonly { readonly started: string; readonly trace: string }[]
  /** Whether boots are being recorded. */
  readonly recording: boolean
  /** Whether something is read in advance at boot. */
  readonly preload: boolean
  readonly profile: boolean
  /** The plan that packed it. */
  readonly plan: boolean
  /** One that mended it since. */
  readonly mended: boolean
  /** What is ordered for when the machine goes down. */
  readonly order?: { readonly command: string; readonly made: string }
  /** What became of the last order. */
  readonly outcome?: {
    readonly command: string
    readonly kind: string
    readonly when: string
    readonly armed: boolean
    readonly reason?: string
  }
}

/** A command of bootpack, by what it is for. */
export type Task = 'record' | 'merge' | 'preload' | 'order' | 'unrecord' | 'mend' | 'unpreload' | 'cancel' | 'undo'

export type Decision =
  /** Nothing can be done now; for people. */
  | { readonly kind: 'wait'; readonly what: string }
  | { readonly kind: 'go'; readonly state: AutoState }
  /** `state` is written down before the command is run. */
  | { readonly kind: 'run'; readonly task: Task; readonly state: AutoState }
  /** All files of ours are to be removed, the state last. */
  | { readonly kind: 'clear' }

/** What a command ended with. */
export interface Ended {
  readonly status: number
  readonly code?: string
  readonly message?: string
  readonly next?: string
  /** What it left for a person to do. */
  readonly todo?: readonly string[]
}

/** After so many failures in a row somebody has to look. */
export const mostTries = 3

const week = 6 * 24 * 3600 * 1000

export function decide(state: AutoState, facts: Facts): Decision {
  switch (state.step) {
    case 'recording':
      if (recordedSince(facts, state.begun).length >= state.boots) return go(state, 'merging')
      if (!facts.recording) return run(state, 'record')
      return wait(boots(state.boots - recordedSince(facts, state.begun).length, 'recorded'))
    case 'merging':
      return run(state, 'merge')
    case 'preloading':
      return run(state, 'preload')
    case 'ordering':
      return decideOrdering(state, facts)
    case 'packing':
      return decidePacking(state, facts)
    case 'proving': {
      const left = state.proofs - recordedSince(facts, state.packed ?? state.begun).length
      if (left <= 0) return go(state, 'closing')
      if (!facts.recording) return run(state, 'record')
      return wait(boots(left, 'recorded again'))
    }
    case 'closing':
      if (state.ours.recording && facts.recording) return run(state, 'unrecord')
      return go({ ...state, looked: facts.now }, 'watching')
    case 'watching':
      return decideWatching(state, facts)
    case 'undoing':
      return decideUndoing(state, facts)
    case 'clearing':
      return takeBack(state, facts) ?? { kind: 'clear' }
    case 'halted':
      return wait('until somebody has looked: bootpack auto / goes on')
  }
}

function decideOrdering(state: AutoState, facts: Facts): Decision {
  // It was ordered, and the power went before that was written down.
  if (since(facts.outcome, state.asked)?.command === 'pack' || ourOrder(facts, state)) return go(state, 'packing')
  if (facts.order) return wait('something else is ordered for when the machine goes down')
  return run({ ...state, asked: facts.now }, 'order')
}

function decidePacking(state: AutoState, facts: Facts): Decision {
  const outcome = since(facts.outcome, state.asked)
  if (outcome?.command === 'pack') {
    switch (outcome.kind) {
      case 'done':
      case 'partial':
      case 'nothing-to-gain':
        return go({ ...state, packed: outcome.when }, 'proving')
    }
    if (!outcome.armed) return halt(state, outcome.reason ?? 'Packing failed.', 'ordering')
  }
  if (ourOrder(facts, state)) return wait('until the machine goes down, and is packed')
  return halt(state, 'What was ordered for when the machine goes down was taken back.', 'ordering')
}

function decideWatching(state: AutoState, facts: Facts): Decision {
  if (facts.order) return wait('until the machine goes down, and what has left is brought back')
  const due = Date.parse(facts.now) - Date.parse(state.looked ?? state.begun) >= week
  // Also when the clock was set back meanwhile.
  const ahead = Date.parse(state.looked ?? state.begun) > Date.parse(facts.now)
  if (due || ahead) return run({ ...state, looked: facts.now }, 'mend')
  return wait('for the next weekly look')
}

function decideUndoing(state: AutoState, facts: Facts): Decision {
  const outcome = since(facts.outcome, state.asked)
  if (outcome?.command === 'undo' && !outcome.armed)
    return outcome.kind === 'failed'
      ? halt(state, outcome.reason ?? 'Undoing failed.', 'undoing')
      : go(state, 'clearing')
  if (facts.order?.command === 'undo') return wait('until the machine goes down, and the layout is put back')
  const taken = takeBack(state, facts)
  if (taken) return taken
  if (!facts.plan) return go(state, 'clearing')
  return run({ ...state, asked: facts.now }, 'undo')
}

/** What has to be taken away by a command; undefined when nothing has. */
function takeBack(state: AutoState, facts: Facts): Decision | undefined {
  if (ourOrder(facts, state)) return run(state, 'cancel')
  if (state.ours.recording && facts.recording) return run(state, 'unrecord')
  if (state.ours.preload && facts.preload) return run(state, 'unpreload')
  return undefined
}

/** Exit codes that are no failure: done, and done in part. */
const fine = [0, 3]
const nothingToGain = 4
const interrupted = 130

/** @returns the state after a command */
export function settle(state: AutoState, task: Task, { status, code, message, next }: Ended): AutoState {
  if (status === interrupted) return state
  const trouble = { message: message ?? `It ended with ${status}.`, ...(next !== undefined && { next }) }
  if (fine.includes(status) || (status === nothingToGain && (task === 'order' || task === 'mend'))) {
    const well = without(state)
    switch (task) {
      case 'merge':
        return { ...well, step: 'preloading' }
      case 'preload':
        return { ...well, step: 'ordering' }
      case 'order':
        return status === nothingToGain ? { ...well, step: 'proving' } : { ...well, step: 'packing' }
      default:
        return well
    }
  }
  // Reading in advance is worth much, and packing is without it, too.
  if (task === 'preload' && state.tries + 1 >= mostTries) return { ...without(state), trouble, step: 'ordering' }
  // The next look is in a week; this one was none.
  if (task === 'mend') return { ...state, trouble }
  // Waiting does not change that.
  const hopeless = code === 'takes-too-long'
  if (hopeless || state.tries + 1 >= mostTries) return { ...state, trouble, tries: 0, step: 'halted', from: state.step }
  return { ...state, trouble, tries: state.tries + 1 }
}

/** Somebody has looked, and says that it shall go on. */
export function resume(state: AutoState): AutoState {
  if (state.step !== 'halted') return state
  const { from, asked: _, ...rest } = without(state)
  return { ...rest, step: from! }
}

function without(state: AutoState): AutoState {
  const { trouble: _, ...rest } = state
  return { ...rest, tries: 0 }
}

export const recordedSince = ({ recorded }: Facts, when: string): Facts['recorded'] =>
  recorded.filter(({ started }) => Date.parse(started) >= Date.parse(when))

/** What was ordered since we asked for it. */
const ourOrder = ({ order }: Facts, { asked }: AutoState): boolean =>
  order !== undefined && asked !== undefined && Date.parse(order.made) >= Date.parse(asked)

const since = (outcome: Facts['outcome'], asked: string | undefined): Facts['outcome'] =>
  outcome && asked !== undefined && Date.parse(outcome.when) >= Date.parse(asked) ? outcome : undefined

const wait = (what: string): Decision => ({ kind: 'wait', what })
const go = (state: AutoState, step: Step): Decision => ({ kind: 'go', state: { ...state, step } })
const run = (state: AutoState, task: Task): Decision => ({ kind: 'run', task, state })
const halt = (state: AutoState, message: string, from: Step): Decision => ({
  kind: 'go',
  state: { ...state, step: 'halted', from, tries: 0, trouble: { message } },
})

const boots = (n: number, how: string): string =>
  n === 1 ? `for one more boot, which is ${how}` : `for ${n} more boots, which are ${how}`
