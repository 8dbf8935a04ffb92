/** From a volume and a trace to the sweep: asks the volume what the pure part needs. */
import { unsupported } from '../errors.js'
import type { FsBlock } from '../layout/block.js'
import { resolveTrace, type BootSet } from '../plan/resolve/boot-set.js'
import { nothingThere, refuseMisfit, type FitOptions } from '../plan/resolve/trace-fit.js'
import { nameFiles } from '../plan/resolve/name-trace.js'
import { planSweep, type Sweep, type SweepOptions } from '../preload/prefetch-plan.js'
import type { TraceRead } from '../trace/model/trace.js'
import type { Volume } from '../volume/volume.js'

export interface BuiltSweep {
  readonly boot: BootSet
  readonly sweep: Sweep
}

/**
 * @throws unsupported where inodes have no place on the disk that an engine could tell,
 *   usage when the trace does not fit the volume, what the volume throws
 */
export async function buildSweep(
  trace: Iterable<TraceRead>,
  volume: Volume,
  options: SweepOptions,
  fit: FitOptions = {},
): Promise<BuiltSweep> {
  const { inodeTables } = volume.capabilities
  if (!inodeTables)
    throw unsupported(
      'no-inode-tables',
      'Reading in advance is for ext4: only there is it known where the tables of inodes lie.',
    )
  const boot = await nameFiles(await resolveTrace(trace, volume), volume)
  refuseMisfit(boot, fit)
  if (boot.files.length === 0) throw nothingThere(boot, fit.foreign)
  const homes = new Map<number, FsBlock>()
  for (const inode of boot.layout.keys()) homes.set(inode, (await inodeTables.place(inode)).block)
  return { boot, sweep: planSweep(boot, volume.geometry(), homes, options) }
}
