import { diskModels, referenceModel } from '../../measure/disk-model.js'
import type { Move } from '../../volume/volume.js'

/**
 * Modelled milliseconds a disk spends on moves: every run read where it lies and
 * written where it goes.
 * @param disk name of a disk model
 */
export function movesTime(
  rounds: readonly (readonly Move[])[],
  blockSize: number,
  blockCount: number,
  disk = referenceModel,
): number {
  const model = diskModels.find(({ name }) => name === disk)!
  const ways = rounds.flat().flatMap(({ from, to, length }) => [
    { start: from, length },
    { start: to, length },
  ])
  return model.milliseconds(ways, blockSize, blockCount)
}
