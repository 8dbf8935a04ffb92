import { BootpackCommand } from '../cli/base-command.js'
import { formatFlag, partitionFlag, targetArgument, traceFlag } from '../cli/flags.js'
import type { LayoutMeasure } from '../measure/layout-measure.js'

export default class MeasureCommand extends BootpackCommand {
  static override summary = 'Measure the seek distance of a boot on a layout.'
  static override description = `Counts the disk requests a boot makes on this layout, how many of them do not
start where the last one ended, how far the jumps are, and what simple disk
models make of it. Reads only.`
  static override examples = [
    '<%= config.bin %> measure disk.img --trace boot.trace',
    '<%= config.bin %> measure disk.img --trace files.txt --json',
  ]
  static override args = { target: targetArgument }
  static override flags = { trace: traceFlag, format: formatFlag, partition: partitionFlag }

  async run(): Promise<LayoutMeasure> {
    const { args, flags } = await this.parse(MeasureCommand)
    const [{ openTarget }, { loadTrace }, { resolveTrace }, { measureLayout }, { measureTable }] = await Promise.all([
      import('../cli/open-target.js'), import('../cli/load-trace.js'), import('../plan/boot-set.js'),
      import('../measure/measure.js'), import('../report/measure-table.js'),
    ])
    const trace = await loadTrace(flags.trace, flags.format)
    const volume = await openTarget(args.target, { write: false, partition: flags.partition })
    try {
      const boot = await resolveTrace(trace.reads, volume)
      const measure = measureLayout(boot.reads, boot.layout, volume.geometry(), boot.missing.length)
      this.log(measureTable({ measured: measure }))
      return measure
    } finally {
      await volume.close()
    }
  }
}
