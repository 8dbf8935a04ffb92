import { spawnSync } from 'node:child_process'
import { readOrder, type Order } from './order.js'
import { readOutcome, type Outcome } from './outcome.js'
import { unitName } from './unit.js'

export interface ShutdownStatus {
  readonly order?: Order
  /** Whether systemd will prepare it. */
  readonly active: boolean
  readonly outcome?: Outcome
}

/** @throws as readOrder does */
export function shutdownStatus(): ShutdownStatus {
  const order = readOrder()
  const outcome = readOutcome()
  const active = order !== undefined && spawnSync('systemctl', ['is-active', '--quiet', unitName]).status === 0
  return { ...(order && { order }), active, ...(outcome && { outcome }) }
}
