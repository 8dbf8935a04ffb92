import type { Granularity } from '../../plan/resolve/boot-items.js'
import type { PlanOptions } from '../../plan/create-plan.js'
import { parseBytes, parseGoal } from './flags.js'

interface PlanningFlagValues {
  readonly directory?: string | undefined
  readonly goal?: string | undefined
  readonly evict: boolean
  readonly metadata: boolean
  readonly granularity: Granularity
  readonly inodes: boolean
  readonly 'max-bytes'?: string | undefined
}

export function planOptions(target: string, flags: PlanningFlagValues): PlanOptions {
  const goal = parseGoal(flags.goal)
  return {
    target,
    evict: flags.evict,
    metadata: flags.metadata,
    granularity: flags.granularity,
    ...(flags.inodes && { inodes: true }),
    ...(flags.directory !== undefined && { directory: flags.directory }),
    ...(goal !== undefined && { goal }),
    ...(flags['max-bytes'] !== undefined && { mostBytes: parseBytes(flags['max-bytes']) }),
  }
}
