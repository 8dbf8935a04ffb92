/** How far `bootpack auto` has come, as it is kept on the disk between boots. */

export const steps = [
  'recording',
  'merging',
  'preloading',
  'ordering',
  'packing',
  'proving',
  'closing',
  'watching',
  'undoing',
  'clearing',
  'halted',
] as const

/**
 * recording   boots are recorded, until there are as many as wanted
 * merging     what they read becomes one profile
 * preloading  what the profile names is read in advance at boot
 * ordering    packing is planned and ordered for when the machine goes down
 * packing     waits for that, and looks what became of it
 * proving     boots are recorded again
 * closing     the recording is taken away
 * watching    once a week what has left the run is looked at, and ordered back if it is worth it
 * undoing     waits until the layout is put back
 * clearing    takes everything away
 * halted      somebody has to look
 */
export type Step = (typeof steps)[number]

export interface Trouble {
  readonly message: string
  /** What to do. */
  readonly next?: string
}

export interface AutoState {
  readonly version: 1
  readonly step: Step
  /** ISO 8601, as are all times here. */
  readonly begun: string
  /** How many boots are recorded before packing, and how many after it. */
  readonly boots: number
  readonly proofs: number
  /** Seconds a shutdown may take. */
  readonly atMost: number
  /** What was not there before, and so is taken away again. */
  readonly ours: { readonly recording: boolean; readonly preload: boolean; readonly folders: readonly string[] }
  /** When packing, or undoing it, was ordered; written down before it is. */
  readonly asked?: string
  /** When the root was packed. */
  readonly packed?: string
  /** When it was looked at last. */
  readonly looked?: string
  /** What went wrong at last, and how often in a row. */
  readonly trouble?: Trouble
  readonly tries: number
  /** When all is taken away: the plan that packed it, too. */
  readonly forget?: boolean
  /** Of `halted`: the step that goes on when somebody says so. */
  readonly from?: Step
}

/** @returns undefined for what is no state of this version */
export function parseState(text: string): AutoState | undefined {
  let state: Partial<AutoState>
  try {
    state = (JSON.parse(text) ?? {}) as Partial<AutoState>
  } catch {
    return undefined
  }
  const { version, step, begun, ours } = state
  const whole =
    version === 1 &&
    steps.includes(step!) &&
    isTime(begun) &&
    [state.asked, state.packed, state.looked].every((each) => each === undefined || isTime(each)) &&
    [state.boots, state.proofs, state.atMost, state.tries].every(Number.isInteger) &&
    typeof ours?.recording === 'boolean' &&
    typeof ours.preload === 'boolean' &&
    Array.isArray(ours.folders) &&
    (step !== 'halted' || steps.includes(state.from!))
  return whole ? (state as AutoState) : undefined
}

const isTime = (value: unknown): boolean => typeof value === 'string' && !Number.isNaN(Date.parse(value))
