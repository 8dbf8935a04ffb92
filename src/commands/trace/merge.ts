import { Args, Flags } from '@oclif/core'
import { BootpackCommand } from '../../cli/session/base-command.js'
import { expandPatterns } from '../../cli/args/patterns.js'
import { usageError } from '../../errors.js'
import { counted } from '../../text/table.js'
import { count } from '../../text/units.js'

interface MergeReport {
  readonly traces: number
  readonly reads: number
}

export default class TraceMergeCommand extends BootpackCommand {
  static override summary = 'Merge the traces of several boots into one profile.'
  static override description = `Keeps what at least --min-support of them read (default: more than half), in
the order of the median rank, and says with each read how many boots read
it.`
  static override examples = [
    '<%= config.bin %> trace merge monday.trace tuesday.trace friday.trace -o boot.trace',
    '<%= config.bin %> trace merge "boots/**/*.trace.gz" -o boot.trace',
  ]
  static override strict = false
  static override args = {
    files: Args.string({ description: 'two or more traces; quoted patterns are expanded', required: true }),
  }
  static override flags = {
    'min-support': Flags.integer({ description: 'boots a read must be in', min: 1, helpValue: 'N' }),
    output: Flags.string({ char: 'o', description: 'the trace to write', helpValue: 'OUT', required: true }),
  }

  async run(): Promise<MergeReport> {
    const { argv, flags } = await this.parse(TraceMergeCommand)
    this.needOneOutput(flags.output)
    const [{ loadTrace }, { mergeTraces }, { writeTrace }, { needOutputs }] = await Promise.all([
      import('../../cli/args/load-trace.js'),
      import('../../trace/merge/merge.js'),
      import('../../trace/write-trace.js'),
      import('../../cli/args/outputs.js'),
    ])
    const files = await expandPatterns(argv as string[])
    if (files.length < 2)
      throw usageError(
        'one-trace',
        'One trace is no profile of several boots.',
        'Name two or more; a trace of one boot is used as it is.',
      )
    await needOutputs([{ path: flags.output, kind: 'trace' }], files)
    const progress = this.progress('Reading the traces')
    const traces = []
    for (const [i, file] of files.entries()) {
      traces.push(await loadTrace(file, undefined))
      progress.update(i + 1, files.length)
    }
    progress.step('Merging')
    const merged = mergeTraces(traces, flags['min-support'] === undefined ? {} : { minSupport: flags['min-support'] })
    await writeTrace(flags.output, merged)
    progress.end()
    if (flags.output !== '-')
      this.log(`${count(merged.reads.length)} reads of ${counted(traces.length, 'boot')} written to ${flags.output}.`)
    return { traces: traces.length, reads: merged.reads.length }
  }
}
