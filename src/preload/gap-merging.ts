import { fsBlock } from '../layout/block.js'
import { blockRun, type BlockRun } from '../layout/run.js'
import { RunSet } from '../layout/run-set.js'
import type { DiskModel } from '../measure/disk-model.js'

export interface BridgeVolume {
  /** Bytes. */
  readonly blockSize: number
  readonly blockCount: number
}

/** However far a model would go: what is read in vain takes memory too. */
const longestBridgeBytes = 1 << 20

/**
 * Blocks between two wanted ones that are better read through than jumped over: as many
 * as the disk passes in the time of a jump across them.
 */
export function bridgeBlocks(model: DiskModel, { blockSize, blockCount }: BridgeVolume): number {
  const through = (gap: number): number => model.milliseconds([blockRun(0, gap + 2)], blockSize, blockCount)
  const across = (gap: number): number =>
    model.milliseconds([blockRun(0, 1), blockRun(gap + 1, 1)], blockSize, blockCount)
  let low = 0
  let high = Math.max(1, Math.floor(longestBridgeBytes / blockSize))
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (through(middle) <= across(middle)) low = middle
    else high = middle - 1
  }
  return low
}

/**
 * The runs to read: wanted ones with no more than `bridge` blocks between them joined,
 * then rounded out to whole units, because a plain program counts in those.
 * @returns sorted, disjoint, not touching
 */
export function bridged(wanted: RunSet, bridge: number, unit: number, blockCount: number): BlockRun[] {
  const rounded = new RunSet()
  let open: { start: number; end: number } | undefined
  const close = (): void => {
    if (!open) return
    const start = Math.floor(open.start / unit) * unit
    rounded.add({ start: fsBlock(start), length: Math.min(blockCount, Math.ceil(open.end / unit) * unit) - start })
  }
  for (const { start, length } of wanted) {
    if (open && start - open.end <= bridge) open.end = start + length
    else {
      close()
      open = { start, end: start + length }
    }
  }
  close()
  return [...rounded]
}
