/**
 * What packing would reach if nobody used the filesystem: on a mount, programs that run,
 * leased files, directories and trees stay, and at rest they would not. Pure: the same
 * snapshot gives the same answer. It is an estimate of what packing at shutdown brings,
 * made before anybody shuts down; inodes that get other numbers then are not in it.
 */
import { BootpackError } from '../errors.js'
import type { FsBlock } from '../layout/block.js'
import type { DiskLayout, FileLayout } from '../layout/file-layout.js'
import type { OwnedKind, OwnedRun } from '../layout/owner.js'
import { onlyWhileMounted } from '../layout/reason.js'
import type { LayoutMeasure } from '../measure/layout-measure.js'
import type { Objective } from './objective.js'
import { pack } from './place/packing.js'
import { layoutAfter } from './predict.js'
import { bootItems, type Granularity } from './resolve/boot-items.js'
import type { BootSet } from './resolve/boot-set.js'
import type { Snapshot } from './resolve/snapshot.js'

export interface AtRest {
  readonly predicted: LayoutMeasure
  readonly layout: DiskLayout
  readonly bytesWritten: number
}

export interface AtRestRequest {
  readonly goal: FsBlock
  readonly granularity: Granularity
  readonly objective: Objective
}

/** What the offline engine moves. */
const allKinds: ReadonlySet<OwnedKind> = new Set<OwnedKind>(['data', 'directory', 'symlink', 'tree', 'xattr'])

/**
 * @param boot     resolved on the mount
 * @param snapshot of the mount, around the goal
 * @returns undefined when there is no room for it
 */
export function packingAtRest(boot: BootSet, snapshot: Snapshot, request: AtRestRequest): AtRest | undefined {
  const { trees } = snapshot
  const { goal, granularity, objective } = request
  const resting: BootSet = {
    ...boot,
    layout: new Map([...boot.layout].map(([inode, file]) => [inode, freed(file)])),
  }
  const { items } = bootItems(resting, allKinds, { metadata: true, granularity, trees })
  const atRest = { ...snapshot, movable: allKinds, owned: snapshot.owned.map((run) => freed(run)) }
  try {
    const packing = pack(atRest, { boot: resting, items, goal, exact: false, evict: true, objective })
    return (
      packing && {
        predicted: packing.predicted,
        layout: layoutAfter(resting.layout, packing.rounds, trees),
        bytesWritten: packing.cost.bytesWritten,
      }
    )
  } catch (error) {
    if (error instanceof BootpackError && error.family === 'no-space') return undefined
    throw error
  }
}

/** Without a reason that ends when the filesystem is unmounted. */
function freed<Held extends FileLayout | OwnedRun>(held: Held): Held {
  if (held.immovable === undefined || !onlyWhileMounted.has(held.immovable)) return held
  const { immovable: _, ...rest } = held
  return rest as Held
}
