/** The engines that come with bootpack, and opening with them. */
import { imageEngine } from './ext4/engine/open-image.js'
import { liveEngine } from './mounted/engine/open.js'
import { openVolume, type EngineProvider } from './volume/open-volume.js'
import type { Volume } from './volume/volume.js'

export const engines: readonly EngineProvider[] = [liveEngine, imageEngine]

export interface OpenTargetOptions {
  /** Whether blocks are to be moved. Without it not a byte is written. */
  readonly write: boolean
  /** Of a partitioned disk: its number; 0 for the whole disk as one filesystem. */
  readonly partition?: number | undefined
  /** Path of a new file that keeps what is overwritten on an unmounted filesystem. */
  readonly undoFile?: string | undefined
  /** Told why nothing happens for some seconds, which may be when it is opened or before the first write. */
  readonly onWaiting?: ((why: string) => void) | undefined
  /** It is an overlay of our own over a virtual machine's disk (packed-copy/), written to through QEMU. */
  readonly overlay?: boolean | undefined
  /** What messages call it, where it is a copy of something else. */
  readonly calledAs?: string | undefined
  /** Engines to consider besides bootpack's own; see `bootpack/engine`. */
  readonly engines?: readonly EngineProvider[]
}

/**
 * Opens a filesystem with the engine that fits: ext4 on an image file or an unmounted
 * device, or ext4 that is mounted. Close the volume when done, also after an error.
 * @param target image file, block device, mount point, or a path on a mounted filesystem
 * @throws BootpackError usage when nothing is there or no engine fits; refused when it is
 *   in use, damaged or not safe to write; unsupported for what no engine handles; corrupt
 *   when its structures contradict each other; io when it cannot be read
 */
export async function openTarget(
  target: string,
  { write, partition, undoFile, overlay, calledAs, onWaiting, engines: more = [] }: OpenTargetOptions,
): Promise<Volume> {
  const options = {
    write,
    ...(partition !== undefined && { partition }),
    ...(undoFile !== undefined && { undoFile }),
    ...(overlay && { overlay }),
    ...(calledAs !== undefined && { calledAs }),
    ...(onWaiting && { onWaiting }),
  }
  return await openVolume(target, options, [...engines, ...more])
}
