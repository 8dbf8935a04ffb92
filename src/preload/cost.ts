import type { DeviceRead } from '../measure/device-reads.js'
import { deviceReads, physicalRuns } from '../measure/device-reads.js'
import type { DiskModel } from '../measure/disk-model.js'
import { RunSet } from '../layout/run-set.js'
import type { BlockRun } from '../layout/run.js'
import type { BootSet } from '../plan/resolve/boot-set.js'
import { partUnit } from './file-parts.js'
import type { Sweep } from './prefetch-plan.js'

/** What a sweep is worth by a disk model, in milliseconds. Reads of programs that run at the same time are not in it. */
export interface SweepCost {
  readonly model: string
  /** The boot's reads without a sweep, in the recorded order. */
  readonly withoutMs: number
  readonly sweepMs: number
  /** The boot's reads that the sweep leaves. */
  readonly restMs: number
  /** Of the sweep: reads that do not start where the last one ended. */
  readonly sweepSeeks: number
  readonly restSeeks: number
}

export function sweepCost(
  sweep: Sweep,
  boot: BootSet,
  volume: { readonly blockSize: number; readonly blockCount: number },
  model: DiskModel,
): SweepCost {
  const ms = (reads: readonly DeviceRead[]): number =>
    Math.round(model.milliseconds(reads, volume.blockSize, volume.blockCount) * 100) / 100
  const swept = joined(sweptRuns(sweep, boot))
  const covered = RunSet.of(swept)
  const without = deviceReads(boot.reads, boot.layout)
  const rest = joined(without.flatMap((read) => [...covered.missingFrom(read)]))
  return {
    model: model.name,
    withoutMs: ms(without),
    sweepMs: ms(swept),
    restMs: ms(rest),
    sweepSeeks: Math.max(0, swept.length - 1),
    restSeeks: Math.max(0, rest.length - 1),
  }
}

/** Every run the sweep reads, in its order. */
export function* sweptRuns({ metadata, files, blockSize }: Sweep, boot: BootSet): Generator<BlockRun> {
  yield* metadata
  for (const { inode, parts } of files) {
    const size = boot.layout.get(inode)!.size
    for (const { offset, length } of parts ?? [{ offset: 0, length: Math.ceil(size / partUnit) * partUnit }]) {
      const block = Math.floor(offset / blockSize)
      const end = Math.ceil(Math.min(size, offset + length) / blockSize)
      yield* physicalRuns({ kind: 'data', inode, block, length: end - block }, boot.layout)
    }
  }
}

function joined(runs: Iterable<BlockRun>): BlockRun[] {
  const result: BlockRun[] = []
  for (const run of runs) {
    const last = result.at(-1)
    if (last && last.start + last.length === run.start)
      result[result.length - 1] = { ...last, length: last.length + run.length }
    else result.push(run)
  }
  return result
}
