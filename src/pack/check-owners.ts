/**
 * The bitmap against the owners: every block of the filesystem is either free or has
 * exactly one owner. The engine's own answers are laid side by side, block range by
 * block range; nothing is believed because a call succeeded.
 */
import { BootpackError } from '../errors.js'
import { fsBlock } from '../layout/block.js'
import type { BlockRun } from '../layout/run.js'
import { blockRun } from '../layout/run.js'
import type { Volume } from '../volume/volume.js'

export interface OwnerFault {
  readonly start: number
  readonly length: number
  /** A sentence part: 'in use, but nobody owns it'. */
  readonly problem: string
}

export interface OwnerCheck {
  readonly blocks: number
  readonly free: number
  readonly owned: number
  /** In use and claimed by nobody. On a mount somebody may hold them open; on a disk at rest it is a fault. */
  readonly unowned: number
  readonly faults: readonly OwnerFault[]
}

/** Blocks looked at together: the owners of 64 GiB with 4 KiB blocks fit memory. */
const windowBlocks = 2 ** 24
/** More are counted by e2fsck. */
const mostFaults = 100

/** @throws corrupt or io when the filesystem cannot be read */
export async function checkOwners(volume: Volume): Promise<OwnerCheck> {
  const { firstDataBlock, blockCount } = volume.geometry()
  const { atRest } = volume
  const faults: OwnerFault[] = []
  let free = 0
  let owned = 0
  let unowned = 0
  const fault = (start: number, length: number, problem: string): void => {
    if (faults.length < mostFaults) faults.push({ start, length, problem })
  }
  for (let from = firstDataBlock; from < blockCount; from += windowBlocks) {
    const window = blockRun(from, Math.min(windowBlocks, blockCount - from))
    try {
      const held = await volume.owners(window)
      const holes = await volume.freeRuns(window.start, fsBlock(window.start + window.length))
      const parts = [
        ...held.map((run) => ({ ...clip(run, window), who: run.kind })),
        ...holes.map((run) => ({ ...clip(run, window), who: 'free' as const })),
      ]
      parts.sort((a, b) => a.start - b.start)
      let at = window.start as number
      for (const { start, length, who } of parts) {
        if (length === 0) continue
        if (start > at) fault(at, start - at, 'neither free nor owned by anybody')
        if (start < at)
          fault(start, Math.min(at - start, length), 'has more than one owner, or is free and owned at once')
        at = Math.max(at, start + length)
        if (who === 'free') free += length
        else if (who === 'unknown') {
          unowned += length
          if (atRest) fault(start, length, 'in use, but nobody owns it')
        } else owned += length
      }
      if (at < window.start + window.length)
        fault(at, window.start + window.length - at, 'neither free nor owned by anybody')
    } catch (error) {
      // What the engine refuses to plan with is what is looked for here.
      if (!(error instanceof BootpackError) || (error.code !== 'multiply-claimed' && error.code !== 'marked-free'))
        throw error
      fault(window.start, window.length, error.message)
    }
  }
  return { blocks: blockCount - firstDataBlock, free, owned, unowned, faults }
}

function clip(run: BlockRun, window: BlockRun): { start: number; length: number } {
  const start = Math.max(run.start, window.start)
  return { start, length: Math.max(0, Math.min(run.start + run.length, window.start + window.length) - start) }
}
