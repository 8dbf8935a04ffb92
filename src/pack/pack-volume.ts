import type { DiskModel } from '../measure/disk-model.js'
import type { LayoutMeasure } from '../measure/layout-measure.js'
import { measureLayout } from '../measure/measure.js'
import { createPlan, type PlanOptions } from '../plan/create-plan.js'
import { createRepair } from '../plan/repair/create-repair.js'
import { inodeProgressOf } from './inode-progress.js'
import { layoutOf, type BootSet } from '../plan/resolve/boot-set.js'
import { objectiveFor } from '../plan/objective.js'
import type { Plan } from '../plan/plan.js'
import type { TraceRead } from '../trace/model/trace.js'
import type { Volume } from '../volume/volume.js'
import { applyPlan, undoPlan, type ApplyOptions, type ApplyResult } from './apply-plan.js'

export interface PackOptions extends PlanOptions, ApplyOptions {
  /** Bring back only what left the run since it was packed, if that is worth its bytes; with the plan that packed it, if there is one. */
  readonly drifted?: { readonly packed?: Plan }
  /**
   * Called with the plan and the boot it is for before anything is written, so that they can be
   * kept. Not called when nothing would be gained and nothing is forced.
   */
  readonly onPlan?: (plan: Plan, boot: BootSet) => Promise<void>
  /** Plan and predict, write nothing. */
  readonly dryRun: boolean
}

export interface PackResult {
  readonly plan: Plan
  /** Whether the plan predicts a gain. */
  readonly worthwhile: boolean
  readonly applied?: ApplyResult
  /** Set when so much failed that the boot was worse off: everything was put back. */
  readonly undone?: ApplyResult
  /** From the layout read back after packing. */
  readonly after?: LayoutMeasure
}

/** Plan, apply, look again, measure: the whole job. */
export async function packVolume(
  volume: Volume,
  trace: Iterable<TraceRead>,
  options: PackOptions,
): Promise<PackResult> {
  const { plan, boot, worthwhile } = options.drifted
    ? await createRepair(volume, trace, { ...options, ...options.drifted })
    : await createPlan(volume, trace, options)
  // Where nothing is gained nothing changes: a plan kept from before may be what undoes that packing.
  if (!worthwhile && !options.force) return { plan, worthwhile }
  await options.onPlan?.(plan, boot)
  if (options.dryRun) return { plan, worthwhile }
  const applied = await applyPlan(plan, volume, options)
  const { isBetter, models } = objectiveFor(options.disk)
  const after = await measureNow(boot, volume, plan, models)
  // Moves that failed may leave files in more pieces than they had: then back it goes.
  if (!applied.complete && !applied.interrupted && !options.force && isBetter(plan.measure.before, after)) {
    const undone = await undoPlan(plan, volume, options)
    return { plan, worthwhile, applied, undone, after: await measureNow(boot, volume, plan, models) }
  }
  return { plan, worthwhile, applied, after }
}

/**
 * Measures a resolved boot on the layout as it is now.
 * @param plan one that may have renumbered inodes since
 * @param models disks to model the time of; those everybody is shown unless given
 */
export async function measureNow(
  boot: BootSet,
  volume: Volume,
  plan?: Plan,
  models?: readonly DiskModel[],
): Promise<LayoutMeasure> {
  const now = plan ? (await inodeProgressOf(plan, volume)).now : new Map<number, number>()
  const layout = new Map<number, Awaited<ReturnType<typeof layoutOf>>>()
  for (const [inode, { table }] of boot.layout) {
    const file = await volume.byInode(now.get(inode) ?? inode)
    if (file)
      layout.set(inode, {
        ...(await layoutOf(file, volume)),
        ...(table && { table: await volume.capabilities.inodeTables!.place(file.inode) }),
      })
  }
  return measureLayout(boot.reads, layout, volume.geometry(), boot.missing.length, models)
}
