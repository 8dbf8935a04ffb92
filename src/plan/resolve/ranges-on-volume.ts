/** What a boot reads of the device, in its order, on the layout that a volume has. */
import { deviceReads } from '../../measure/device-reads.js'
import { joined, type DeviceRange } from '../../trace/export/ranges.js'
import type { Trace } from '../../trace/model/trace.js'
import type { Volume } from '../../volume/volume.js'
import { resolveTrace } from './boot-set.js'

/**
 * @param start where the filesystem begins on its device, bytes
 * @throws what the volume throws on structures it cannot trust
 */
export async function rangesOnVolume(
  { reads }: Trace,
  volume: Volume,
  start: number,
): Promise<{ ranges: DeviceRange[]; skipped: Record<string, number> }> {
  const boot = await resolveTrace(reads, volume)
  const { blockSize } = volume.geometry()
  const ranges = joined(
    deviceReads(boot.reads, boot.layout).map((run) => ({
      offset: start + run.start * blockSize,
      length: run.length * blockSize,
    })),
  )
  return { ranges, skipped: boot.missing.length > 0 ? { missing: boot.missing.length } : {} }
}
