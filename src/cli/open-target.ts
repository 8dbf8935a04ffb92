import { engines } from '../engines.js'
import { openVolume } from '../volume/open-volume.js'
import type { Volume } from '../volume/volume.js'

/** Opens what the user named with the engine that fits. */
export const openTarget = (target: string, options: { readonly write: boolean, readonly partition?: number | undefined }): Promise<Volume> =>
  openVolume(target, { write: options.write, ...(options.partition !== undefined && { partition: options.partition }) }, engines)
