/** Ends it: everything is taken back, by the same steps that a boot would go on with. */
import { spawnSync } from 'node:child_process'
import { advance } from './advance.js'
import { readState, takeUnits, thisMachine, writeState, type Options } from './this-machine.js'
import { serviceName } from './units.js'

export interface Off {
  /** Whether there was anything. */
  readonly was: boolean
  /** Absolute paths. */
  readonly removed: readonly string[]
  /** What is left to wait for, or went wrong. */
  readonly waits?: string
}

/**
 * @param undo   also the layout, the next time the machine goes down
 * @param forget also the plan that would undo it
 */
export async function turnOff(
  options: Options,
  { undo, forget }: { readonly undo: boolean; readonly forget: boolean },
): Promise<Off> {
  const { root } = options
  // What it is just doing is ended first.
  spawnSync('systemctl', ['stop', serviceName], { stdio: 'ignore' })
  const state = readState(root)
  if (!state) {
    const removed = takeUnits(root)
    return { was: removed.length > 0, removed }
  }
  const { from: _from, trouble: _trouble, ...rest } = state
  writeState(root, { ...rest, tries: 0, forget: forget || undo, step: undo ? 'undoing' : 'clearing' })
  const world = thisMachine(options)
  const waits = await advance(world)
  return { was: true, removed: world.removed, ...(waits !== undefined && { waits }) }
}
