/**
 * Open a filesystem, plan a packing, carry it out, check it, measure it: what a program
 * needs. Importing this loads neither a command line nor a C library and changes nothing
 * of the process.
 *
 * ```js
 * import { openTarget, packVolume, readTrace } from 'bootpack'
 *
 * const { reads } = await readTrace('boot.trace')
 * const volume = await openTarget('disk.img', { write: true })
 * const options = { target: 'disk.img', evict: true, metadata: true, dryRun: false, force: false }
 * try {
 *   const { plan, after } = await packVolume(volume, reads, options)
 *   console.log(plan.measure.before.seeks, 'seeks became', after?.seeks)
 * } finally {
 *   await volume.close()
 * }
 * ```
 *
 * Types that only appear in results are in `bootpack/types`; what an engine is made of in
 * `bootpack/engine`; the structures of ext4 in `bootpack/ext4`; system calls in
 * `bootpack/kernel`; what commands are made of in `bootpack/cli` and `bootpack/text`.
 *
 * @packageDocumentation
 */
export { BootpackError, exitCode } from '../errors.js'
export { openTarget } from '../engines.js'
export type { Volume } from '../volume/volume.js'

export { traceHeader, type Trace } from '../trace/model/trace.js'
export { readTrace } from '../trace/read-trace.js'
export { writeTrace } from '../trace/write-trace.js'

export { resolveTrace, type BootSet } from '../plan/resolve/boot-set.js'
export { nameTrace } from '../plan/resolve/name-trace.js'
export { createPlan } from '../plan/create-plan.js'
export { createRepair } from '../plan/repair/create-repair.js'
export { parsePlan, planText } from '../plan/plan-file.js'
export type { Plan } from '../plan/plan.js'

export { packVolume, measureNow } from '../pack/pack-volume.js'
export { applyPlan, undoPlan } from '../pack/apply-plan.js'
export { verifyPlan } from '../pack/verify-plan.js'
export { checkPacking } from '../pack/check-packing.js'

export { measureLayout } from '../measure/measure.js'
export { diskModels, type DiskModel } from '../measure/disk-model.js'
