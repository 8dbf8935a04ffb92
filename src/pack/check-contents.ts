import type { Plan } from '../plan/plan.js'
import type { Volume } from '../volume/volume.js'
import { compareContents, type ContentCheck } from './content-hashes.js'
import { checkOwners, type OwnerCheck } from './check-owners.js'
import type { CheckRecord } from './contents-record.js'
import { verifyPlan, type Verification } from './verify-plan.js'

export interface DeepVerification extends Verification {
  /** Undefined when nothing was recorded. */
  readonly contents?: ContentCheck
  readonly owners: OwnerCheck
  /** Contents are other ones although nobody wrote to the file, or a block has not exactly one owner. */
  readonly damaged: boolean
}

/**
 * Everything that can be checked without another program: places against the plan,
 * contents against what was recorded before packing, bitmaps against owners. Reads only.
 * @throws what verifyPlan throws; corrupt when the filesystem cannot be read
 */
export async function deepVerify(
  plan: Plan,
  volume: Volume,
  recorded: CheckRecord | undefined,
): Promise<DeepVerification> {
  const places = await verifyPlan(plan, volume)
  const owners = await checkOwners(volume)
  const contents = recorded && (await compareContents(recorded.files, volume, plan))
  const damaged = owners.faults.length > 0 || (contents?.different.some(({ change }) => change === 'changed') ?? false)
  return { ...places, ...(contents && { contents }), owners, damaged }
}
