/** What an order would do if the machine went down now, planned by the engine that will do it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { BootpackError } from '../errors.js'
import { diskModels } from '../measure/disk-model.js'
import { openAtRest } from '../mounted/view/at-rest.js'
import type { Plan } from '../plan/plan.js'
import type { Volume } from '../volume/volume.js'
import { measurePass, type Measured } from './estimate.js'
import type { OrderedMount } from './order.js'

export interface Foreseen<Result> extends Omit<Measured, 'environment'> {
  readonly result: Result
  readonly uuid: string
  /** Bytes of memory planning took. */
  readonly memory: number
}

const attempts = 4

/**
 * @param plan makes the plan from the filesystem as it will be found
 * @param disk name of the model of the disk it is on
 * @throws what planning throws
 */
export async function foresee<Result extends { readonly plan: Plan }>(
  { mountPoint, device }: OrderedMount,
  disk: string,
  plan: (volume: Volume) => Promise<Result>,
): Promise<Foreseen<Result>> {
  for (let attempt = 1; ; attempt++) {
    const volume = await openAtRest(mountPoint, device)
    try {
      const began = performance.now()
      const result = await plan(volume)
      const { uuid, blockSize, blockCount } = volume.geometry()
      const moves = result.plan.rounds.flat()
      const ways = moves.flatMap(({ from, to, length }) => [
        { start: from, length },
        { start: to, length },
      ])
      const model = diskModels.find(({ name }) => name === disk)!
      return {
        result,
        uuid,
        memory: process.resourceUsage().maxRSS * 1024,
        planning: (performance.now() - began) / 1000,
        blocks: moves.reduce((sum, { length }) => sum + length, 0),
        disk: model.milliseconds(ways, blockSize, blockCount) / 1000,
        pass: measurePass(),
      }
    } catch (error) {
      const mayPass = error instanceof BootpackError && error.family === 'corrupt'
      if (!mayPass || attempt === attempts) throw error
      await sleep(200 * attempt)
    } finally {
      await volume.close()
    }
  }
}
