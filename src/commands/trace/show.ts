import { Args, Flags } from '@oclif/core'
import { BootpackCommand } from '../../cli/session/base-command.js'
import { formatFlag } from '../../cli/args/flags.js'
import type { TraceSummary } from '../../trace/model/summary.js'

export default class TraceShowCommand extends BootpackCommand {
  static override summary = 'Show what a trace holds: totals, time line, top files, what was lost.'
  static override examples = [
    '<%= config.bin %> trace show boot.trace',
    '<%= config.bin %> trace show boot.tracefs.gz --top 20',
  ]
  static override args = {
    file: Args.string({ description: 'a trace in any known format, or - for standard input', required: true }),
  }
  static override flags = {
    format: formatFlag,
    top: Flags.integer({
      description: 'so many of the largest files',
      default: 10,
      min: 0,
      max: 100_000,
      helpValue: 'N',
    }),
  }

  async run(): Promise<TraceSummary> {
    const { args, flags } = await this.parse(TraceShowCommand)
    const [{ loadTrace }, { summarizeTrace }, { traceSummaryText }] = await Promise.all([
      import('../../cli/args/load-trace.js'),
      import('../../trace/model/summary.js'),
      import('../../report/trace-summary.js'),
    ])
    const progress = this.progress('Reading the trace')
    const summary = summarizeTrace(await loadTrace(args.file, flags.format), { top: flags.top })
    progress.end()
    this.log(traceSummaryText(summary))
    return summary
  }
}
