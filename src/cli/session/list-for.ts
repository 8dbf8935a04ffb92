import type { Config } from '@oclif/core'
import { fittingTrace, loadTrace } from '../args/load-trace.js'
import { standardOptions, sweepOptions } from '../args/preload-flags.js'
import { summarise, type SweepSummary } from '../render/preload-text.js'
import { sweepCost } from '../../preload/cost.js'
import { madeWith, optionsOf } from '../../preload/list-options.js'
import { listOf, parseList, type PreloadList } from '../../preload/list-text.js'
import { buildSweep } from '../../provision/build-sweep.js'
import { refused } from '../../errors.js'
import { findInstalled } from '../../provision/installed.js'
import { openTarget } from './open-target.js'
import type { Progress } from './progress.js'

interface ListFlags {
  readonly trace: string
  readonly format?: string | undefined
  readonly partition?: number | undefined
  readonly disk: string
  readonly 'most-bytes': number
  readonly 'any-trace': boolean
}

/** The list of what a boot reads as its files lie now, and what it will cost. */
export async function listFor(
  target: string,
  flags: ListFlags,
  progress: Progress,
  config: Config,
  note: (sentence: string) => void,
): Promise<{ list: PreloadList; summary: SweepSummary }> {
  const options = sweepOptions(flags)
  const trace = await loadTrace(flags.trace, flags.format)
  const volume = await openTarget(target, { write: false, partition: flags.partition }, config)
  try {
    progress.step('Looking what the boot reads')
    const geometry = volume.geometry()
    const { reads, fit } = fittingTrace(trace, volume, flags['any-trace'], note)
    const { boot, sweep } = await buildSweep(reads, volume, options, fit)
    return {
      list: listOf(sweep, geometry.uuid, [madeWith({ disk: flags.disk, mostMebibytes: flags['most-bytes'] })]),
      summary: summarise(sweep, sweepCost(sweep, boot, geometry, options.model)),
    }
  } finally {
    progress.end()
    await volume.close()
  }
}

/**
 * What the installed list was made with.
 * @throws refused when there is none
 */
export async function installedOptions(
  target: string,
  partition: number | undefined,
  config: Config,
): Promise<Pick<ListFlags, 'disk' | 'most-bytes'>> {
  const volume = await openTarget(target, { write: false, partition }, config)
  try {
    const { list } = await findInstalled(volume)
    if (list === undefined)
      throw refused(
        'nothing-installed',
        'Nothing is installed there to be read in advance.',
        'Install it with `bootpack preload install`.',
      )
    const { disk, mostMebibytes } = optionsOf(parseList(list)?.notes ?? []) ?? standardOptions
    return { disk, 'most-bytes': mostMebibytes }
  } finally {
    await volume.close()
  }
}
