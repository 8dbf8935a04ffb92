import { readNotes } from '../boots/notes.js'
import { compareBoots, type BootComparison } from '../boots/comparison.js'
import type { PinnedRoot } from '../collect/setup/pinned-root.js'
import { gatherFacts } from './facts.js'
import { decide } from './machine.js'
import type { AutoState } from './state.js'
import { readState } from './this-machine.js'

export interface AutoStatus {
  readonly state?: AutoState
  /** What it waits for; undefined while it has something to do. */
  readonly waits?: string
  /** Boots before and since, once there are some. */
  readonly comparison?: BootComparison
}

/** @throws KernelError for who may not read it */
export function autoStatus(root: PinnedRoot): AutoStatus {
  const state = readState(root)
  const comparison = compareBoots(readNotes(root))
  if (!state) return comparison ? { comparison } : {}
  const decision = decide(state, gatherFacts(root))
  return {
    state,
    ...(decision.kind === 'wait' && { waits: decision.what }),
    ...(comparison && { comparison }),
  }
}
