import type { PlanOptions } from '../plan/create-plan.js'
import { parseGoal } from './flags.js'

interface PlanningFlagValues {
  readonly partition?: number | undefined
  readonly directory?: string | undefined
  readonly goal?: string | undefined
  readonly evict: boolean
  readonly metadata: boolean
}

export function planOptions(target: string, flags: PlanningFlagValues): PlanOptions {
  const goal = parseGoal(flags.goal)
  return {
    target,
    partition: flags.partition ?? 0,
    evict: flags.evict,
    metadata: flags.metadata,
    ...(flags.directory !== undefined && { directory: flags.directory }),
    ...(goal !== undefined && { goal }),
  }
}
