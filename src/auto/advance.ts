/** Goes on as far as can be gone now. What it works on is given, so that a model of a machine can be, too. */
import { decide, settle, type Ended, type Facts, type Task } from './machine.js'
import type { AutoState } from './state.js'

export interface World {
  /** @returns undefined when there is nothing to do, or no longer */
  readonly read: () => AutoState | undefined
  /** Whole or not at all. */
  readonly write: (state: AutoState) => void
  readonly facts: (state: AutoState) => Facts
  readonly run: (task: Task, state: AutoState, facts: Facts) => Promise<Ended>
  /** Takes all files of ours away, the state last. */
  readonly clear: (state: AutoState) => void
}

/** Every step is taken once in a run, and there are fewer than these. */
const mostDecisions = 40

/** @returns what is waited for; undefined when all was taken away */
export async function advance(world: World): Promise<string | undefined> {
  for (let n = 0; n < mostDecisions; n++) {
    const state = world.read()
    if (!state) return undefined
    const facts = world.facts(state)
    const decision = decide(state, facts)
    switch (decision.kind) {
      case 'wait':
        return decision.what
      case 'clear':
        world.clear(state)
        return undefined
      case 'go':
        world.write(decision.state)
        break
      case 'run': {
        world.write(decision.state)
        const ended = await world.run(decision.task, decision.state, facts)
        const after = settle(decision.state, decision.task, ended)
        world.write(after)
        // What failed is tried again another time.
        if (after.trouble && after.step === decision.state.step) return `to try again: ${after.trouble.message}`
        if (ended.status === 130) return 'to go on after the interruption'
        break
      }
    }
  }
  throw new Error('auto came to no rest')
}
