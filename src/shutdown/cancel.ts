/** Takes an order back. */
import { spawnSync } from 'node:child_process'
import { PinnedRoot } from '../collect/setup/pinned-root.js'
import { BootpackError } from '../errors.js'
import { dropOrder, takeOrder, takeOutcomes } from './order-files.js'
import { readOrder, type Order } from './order.js'
import { unitName } from './unit.js'

export interface Cancelled {
  readonly order: Order | undefined
  /** Absolute paths. */
  readonly removed: readonly string[]
}

/**
 * @param forget also what became of earlier orders
 * @throws refused when it is not root, or a file cannot be removed
 */
export function cancelOrder({ forget }: { readonly forget: boolean }): Cancelled {
  const root = PinnedRoot.open('/')
  try {
    const order = orderIfSound()
    // First of all, so that stopping the unit prepares nothing.
    dropOrder(root)
    if (order) spawnSync('systemctl', ['stop', unitName])
    const removed = [...takeOrder(root, order), ...(forget ? takeOutcomes(root) : [])]
    if (removed.length > 0) spawnSync('systemctl', ['daemon-reload'])
    return { order, removed }
  } finally {
    root.close()
  }
}

/** One that cannot be understood is taken back all the same. */
function orderIfSound(): Order | undefined {
  try {
    return readOrder()
  } catch (error) {
    if (error instanceof BootpackError) return undefined
    throw error
  }
}
