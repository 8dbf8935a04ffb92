/**
 * How a packed boot has fared: what left the run, what the next boot loses by that,
 * and which of three things should be done: nothing, bring back what left, or pack
 * anew. Looks only; both remedies are planned for real, so their bytes are those that
 * would be written.
 */
import { BootpackError } from '../errors.js'
import type { BlockRun } from '../layout/run.js'
import { createPlan, type PlanOptions } from '../plan/create-plan.js'
import { createRepair } from '../plan/repair/create-repair.js'
import { objectiveFor, type Balance } from '../plan/objective.js'
import type { DriftedFile } from '../plan/repair/drift.js'
import type { Plan } from '../plan/plan.js'
import type { TraceRead } from '../trace/model/trace.js'
import type { Volume } from '../volume/volume.js'

export type Verdict = 'leave' | 'mend' | 'pack'

export interface PackingCheck {
  readonly verdict: Verdict
  /** Owners of boot blocks that can be packed here: files, and directories and trees where the engine can. */
  readonly owners: number
  /** Those with blocks outside the run, most stretches first. */
  readonly drifted: readonly DriftedFile[]
  readonly driftedBytes: number
  /** Those with blocks in the run, but out of order. */
  readonly displaced: number
  /** What the trace reads and the filesystem does not have. */
  readonly missing: number
  /** Where the boot set is packed; empty when it is nowhere. */
  readonly runs: readonly BlockRun[]
  readonly knownFrom: 'plan' | 'layout'
  /** Modelled milliseconds of the next boot that packing would save it. */
  readonly lossMs: number
  /** Bringing back what left; absent when there is nothing to bring back, or nothing is packed. */
  readonly mending?: Balance
  /** Packing anew; absent when there is no room to. */
  readonly packing?: Balance
}

export interface CheckOptions extends PlanOptions {
  readonly packed?: Plan
}

/** @throws as createPlan and createRepair do, but for want of room and of a packed run */
export async function checkPacking(
  volume: Volume,
  reads: Iterable<TraceRead>,
  options: CheckOptions,
): Promise<PackingCheck> {
  const trace = [...reads]
  const { mostBytes: _, ...unlimited } = options
  const { weigh } = objectiveFor(options.disk)
  const repair = await unless('not-packed', () => createRepair(volume, trace, { ...unlimited, inodes: false }))
  const anew = await unless('no-space', () => createPlan(volume, trace, unlimited))
  const drifted = repair?.drift.drifted ?? []
  const mending = repair && (drifted.length > 0 || repair.plan.rounds.length > 0) ? weigh(repair.plan) : undefined
  const packing = anew && weigh(anew.plan)
  const missing = (repair ?? anew)?.boot.missing.length ?? 0
  return {
    verdict: verdictOf(mending, packing),
    owners: repair?.drift.owners ?? 0,
    drifted,
    driftedBytes: drifted.reduce((sum, { blocks }) => sum + blocks, 0) * volume.geometry().blockSize,
    displaced: repair?.drift.displaced ?? 0,
    missing,
    runs: repair?.drift.runs ?? [],
    knownFrom: repair?.drift.knownFrom ?? 'layout',
    lossMs: Math.max(
      0,
      ...[mending, packing].flatMap((balance) => (balance ? [balance.beforeMs - balance.afterMs] : [])),
    ),
    ...(mending && { mending }),
    ...(packing && { packing }),
  }
}

/** Of what is worth its bytes, what leaves more after them. */
function verdictOf(mending: Balance | undefined, packing: Balance | undefined): Verdict {
  const mend = mending?.worthIt ? mending.netMs : 0
  const pack = packing?.worthIt ? packing.netMs : 0
  if (mend <= 0 && pack <= 0) return 'leave'
  return mend >= pack ? 'mend' : 'pack'
}

/** The result, or undefined for the one error that is an answer here. */
async function unless<T>(answer: string, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof BootpackError && (error.code === answer || error.family === answer)) return undefined
    throw error
  }
}
