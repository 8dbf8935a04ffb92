import { engines } from '../engines.js'
import { openVolume } from '../volume/open-volume.js'
import type { Volume } from '../volume/volume.js'

interface OpenTargetOptions {
  readonly write: boolean
  readonly partition?: number | undefined
  readonly undoFile?: string | undefined
}

/** Opens what the user named with the engine that fits. */
export const openTarget = (target: string, { write, partition, undoFile }: OpenTargetOptions): Promise<Volume> =>
  openVolume(target, { write, ...(partition !== undefined && { partition }), ...(undoFile !== undefined && { undoFile }) }, engines)
