import type { Config } from '@oclif/core'
import { engines, openTarget as openWith, type OpenTargetOptions } from '../../engines.js'
import { claim, type EngineProvider } from '../../volume/open-volume.js'
import { resolveTarget } from '../../volume/target.js'
import type { Volume } from '../../volume/volume.js'
import { boundHeap } from './heap.js'

/**
 * Opens what the user named with the engine that fits, those of plugins included, and
 * sets the process up for a volume of its size.
 * @param config of the running program: its plugins may bring engines
 * @throws what opening throws, see `openTarget` of bootpack
 */
export async function openTarget(
  target: string,
  options: Omit<OpenTargetOptions, 'engines'>,
  config?: Config,
): Promise<Volume> {
  const volume = await openWith(target, { ...options, engines: await pluginEngines(target, config) })
  boundHeap(volume.capabilities.inodeTables?.shape.inodeCount ?? Infinity)
  return volume
}

/** Plugins are asked only for targets that no engine of bootpack's own is sure of: loading them takes time. */
async function pluginEngines(given: string, config: Config | undefined): Promise<readonly EngineProvider[]> {
  const target = resolveTarget(given)
  const claims = await Promise.all(engines.map((engine) => engine.claim(target)))
  if (!config || claims.includes(claim.certain)) return []
  const { successes } = await config.runHook('bootpack-engines', {})
  return successes.flatMap(({ result }) => result as EngineProvider[])
}

/** All engines to consider for a target. */
export const enginesFor = async (given: string, config: Config | undefined): Promise<readonly EngineProvider[]> => [
  ...engines,
  ...(await pluginEngines(given, config)),
]
