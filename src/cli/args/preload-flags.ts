import { Flags } from '@oclif/core'
import { usageError } from '../../errors.js'
import { diskModels, findDisk, referenceModel, type DiskModel } from '../../measure/disk-model.js'
import type { ListOptions } from '../../preload/list-options.js'
import type { SweepOptions } from '../../preload/prefetch-plan.js'

const mebibyte = 2 ** 20

/** Ranges and files a shell goes through in a moment. */
const mostEntries = 8192

/** What a sweep is made with unless something else is asked for. */
export const standardOptions: ListOptions = { disk: referenceModel, mostMebibytes: 512 }

/** The bounds of a sweep when nobody gives others. */
export const sweepBounds = { mostBytes: 512 * mebibyte, mostEntries }

/** What decides how a sweep is made; shared by install and show. */
export const sweepFlags = {
  disk: Flags.string({
    description: 'the disk model that says what is better read through than jumped over',
    helpValue: 'MODEL',
    default: standardOptions.disk,
  }),
  'most-bytes': Flags.integer({
    description: 'MiB that may be read in advance; the rest is left to the boot',
    helpValue: 'MIB',
    default: standardOptions.mostMebibytes,
    min: 1,
    max: 1 << 20,
  }),
}

/** @throws usage for a model that does not exist */
export function sweepOptions(flags: {
  readonly disk: string
  readonly 'most-bytes': number
}): SweepOptions & { readonly model: DiskModel } {
  const model = findDisk(flags.disk)
  if (!model)
    throw usageError(
      'no-such-disk',
      `There is no disk model ${flags.disk}.`,
      `There are: ${diskModels.map(({ name }) => name).join(', ')}.`,
    )
  return { model, mostBytes: flags['most-bytes'] * mebibyte, mostEntries }
}
