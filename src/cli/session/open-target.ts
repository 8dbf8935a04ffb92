import type { Config } from '@oclif/core'
import { engines } from '../../engines.js'
import { claim, openVolume, type EngineProvider } from '../../volume/open-volume.js'
import { resolveTarget } from '../../volume/target.js'
import type { Volume } from '../../volume/volume.js'
import { boundHeap } from './heap.js'

interface OpenTargetOptions {
  readonly write: boolean
  readonly partition?: number | undefined
  readonly undoFile?: string | undefined
}

/**
 * Opens what the user named with the engine that fits.
 * @param config of the running program: its plugins may bring engines
 */
export async function openTarget(
  target: string,
  { write, partition, undoFile }: OpenTargetOptions,
  config?: Config,
): Promise<Volume> {
  const options = { write, ...(partition !== undefined && { partition }), ...(undoFile !== undefined && { undoFile }) }
  const volume = await openVolume(target, options, await enginesFor(target, config))
  boundHeap(volume.geometry().inodeCount)
  return volume
}

/** Plugins are asked only for targets that no engine of bootpack's own is sure of: loading them takes time. */
export async function enginesFor(given: string, config: Config | undefined): Promise<readonly EngineProvider[]> {
  const target = resolveTarget(given)
  const claims = await Promise.all(engines.map((engine) => engine.claim(target)))
  if (!config || claims.includes(claim.certain)) return engines
  const { successes } = await config.runHook('bootpack-engines', {})
  return [...engines, ...successes.flatMap(({ result }) => result as EngineProvider[])]
}
