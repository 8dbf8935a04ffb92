/** Puts on the machine's own filesystems what became of an order, and takes the order away. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { privateFile, privateFolder } from '../../collect/boot-traces.js'
import { PinnedRoot } from '../../collect/setup/pinned-root.js'
import { takeOrder } from '../order-files.js'
import type { Order } from '../order.js'
import { outcomeText, type Outcome } from '../outcome.js'
import { names, outputFolder, stateFolder } from '../places.js'

/** More than a log of ours will ever be. */
const mostLog = 256 * 1024

/**
 * @param root where the machine's root is mounted
 * @param log  path of what was said
 */
export function writeDown(root: string, order: Order, outcome: Outcome, log: string): void {
  const pinned = PinnedRoot.open(root)
  try {
    const folder = stateFolder.slice(1)
    pinned.makeFolders(folder, privateFolder)
    pinned.writeFile(`${folder}/${names.log}`, readFileSync(log, 'utf8').slice(-mostLog), privateFile)
    pinned.writeFile(`${folder}/${names.outcome}`, outcomeText(outcome), privateFile)
    if (!outcome.armed) takeOrder(pinned, order)
  } finally {
    pinned.close()
  }
}

/** @returns the files that were put in their places */
export function putOutputs(root: string, { outputs }: Order, from = outputFolder): string[] {
  const pinned = PinnedRoot.open(root)
  try {
    return outputs.flatMap(({ name, to }) => {
      const made = join(from, name)
      if (!existsSync(made)) return []
      pinned.writeFile(to.slice(1), readFileSync(made), privateFile)
      return [to]
    })
  } finally {
    pinned.close()
  }
}
