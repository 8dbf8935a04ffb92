import { Flags } from '@oclif/core'
import { BootpackCommand } from '../cli/session/base-command.js'
import { anyTraceFlag, formatFlag, partitionFlag, targetArgument, traceFlag } from '../cli/args/flags.js'
import { usageError } from '../errors.js'
import type { CostShare } from '../measure/breakdown.js'
import type { DiskModel } from '../measure/disk-model.js'
import type { LayoutMeasure } from '../measure/layout-measure.js'

type MeasureReport = LayoutMeasure & { readonly top?: readonly CostShare[] }

export default class MeasureCommand extends BootpackCommand {
  static override summary = 'Measure the seek distance of a boot on a layout.'
  static override description = `Counts the disk requests a boot makes on this layout, how many of them do
not start where the last one ended, how far the jumps are, and what simple
disk models make of it (docs/disk-models.md). Reads only.`
  static override examples = [
    '<%= config.bin %> measure disk.img --trace boot.trace',
    '<%= config.bin %> measure disk.img --trace boot.trace --top 10 --by directory',
    '<%= config.bin %> measure disk.img --trace files.txt --disk hdd-5400 --json',
  ]
  static override args = { target: targetArgument }
  static override flags = {
    trace: traceFlag,
    format: formatFlag,
    'any-trace': anyTraceFlag,
    partition: partitionFlag,
    disk: Flags.string({
      description: 'only this disk model; may be given several times',
      helpValue: 'MODEL',
      multiple: true,
    }),
    'disk-file': Flags.string({ description: 'a disk of your own, as JSON (docs/disk-models.md)', helpValue: 'FILE' }),
    top: Flags.integer({
      description: 'list so many of those that cost most seeks',
      min: 1,
      max: 1_000_000,
      helpValue: 'N',
    }),
    by: Flags.option({
      description: 'what --top lists',
      options: ['file', 'directory'] as const,
      default: 'file' as const,
    })(),
  }

  async run(): Promise<MeasureReport> {
    const { args, flags } = await this.parse(MeasureCommand)
    const [
      { openTarget },
      { fittingTrace, loadTrace },
      { resolveTrace },
      { refuseMisfit },
      { measureLayout },
      { measureTable, shareTable },
      { shareCosts },
      { nameFiles },
    ] = await Promise.all([
      import('../cli/session/open-target.js'),
      import('../cli/args/load-trace.js'),
      import('../plan/resolve/boot-set.js'),
      import('../plan/resolve/trace-fit.js'),
      import('../measure/measure.js'),
      import('../report/measure-table.js'),
      import('../measure/breakdown.js'),
      import('../plan/resolve/name-trace.js'),
    ])
    const models = await chooseModels(flags.disk, flags['disk-file'])
    const progress = this.progress('Reading the trace')
    const trace = await loadTrace(flags.trace, flags.format)
    progress.step('Looking where it lies')
    const volume = await openTarget(args.target, { write: false, partition: flags.partition }, this.config)
    try {
      const { reads, fit } = fittingTrace(trace, volume, flags['any-trace'], (sentence) => this.note(sentence))
      const resolved = await resolveTrace(reads, volume)
      refuseMisfit(resolved, fit)
      const measure = measureLayout(resolved.reads, resolved.layout, volume.geometry(), resolved.missing.length, models)
      progress.end()
      this.log(measureTable({ measured: measure }))
      if (flags.top === undefined) return measure
      const boot = await nameFiles(resolved, volume)
      const top = shareCosts(boot.reads, boot.layout, flags.by).slice(0, flags.top)
      this.log(`\n${shareTable(top, flags.by)}`)
      return { ...measure, top }
    } finally {
      progress.end()
      await volume.close()
    }
  }
}

/** @throws usage for a model that does not exist; usage or io for a disk file that cannot be used */
async function chooseModels(
  names: readonly string[] | undefined,
  file: string | undefined,
): Promise<readonly DiskModel[]> {
  const [{ diskModels, findDisk }, { parseDiskFile }, { readTextFile }] = await Promise.all([
    import('../measure/disk-model.js'),
    import('../measure/disk-file.js'),
    import('../cli/args/text-file.js'),
  ])
  const named = (names ?? []).map((name) => {
    const model = findDisk(name)
    if (!model)
      throw usageError(
        'no-such-disk',
        `There is no disk model ${name}.`,
        `There are: ${diskModels.map((each) => each.name).join(', ')}.`,
      )
    return model
  })
  if (file === undefined) return named.length > 0 ? named : diskModels
  return [...named, parseDiskFile(await readTextFile(file, 'The disk file'))]
}
