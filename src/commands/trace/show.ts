import { Args, Flags } from '@oclif/core'
import { BootpackCommand } from '../../cli/session/base-command.js'
import { formatFlag } from '../../cli/args/flags.js'
import { readerKinds, type ReaderKind, type ReaderShare } from '../../trace/model/reader-shares.js'
import type { TraceSummary } from '../../trace/model/summary.js'

interface TraceReport extends TraceSummary {
  /** With --by. */
  readonly readers?: readonly ReaderShare[]
}

export default class TraceShowCommand extends BootpackCommand {
  static override summary = 'Show what a trace holds: totals, time line, top files, what was lost.'
  static override examples = [
    '<%= config.bin %> trace show boot.trace',
    '<%= config.bin %> trace show boot.tracefs.gz --top 20',
    '<%= config.bin %> trace show boot.tracefs.gz --by program',
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
    by: Flags.string({
      description: 'also who read how much: programs, or systemd units, as far as the trace knows',
      options: readerKinds,
    }),
  }

  async run(): Promise<TraceReport> {
    const { args, flags } = await this.parse(TraceShowCommand)
    const [{ loadTrace }, { summarizeTrace }, { traceSummaryText }, { readerShares }, { readerTable }] =
      await Promise.all([
        import('../../cli/args/load-trace.js'),
        import('../../trace/model/summary.js'),
        import('../../report/trace-summary.js'),
        import('../../trace/model/reader-shares.js'),
        import('../../report/reader-table.js'),
      ])
    const progress = this.progress('Reading the trace')
    const trace = await loadTrace(args.file, flags.format)
    const summary = summarizeTrace(trace, { top: flags.top })
    progress.end()
    this.log(traceSummaryText(summary))
    if (flags.by === undefined) return summary
    const kind = flags.by as ReaderKind
    const readers = readerShares(trace, kind)
    this.log(`\n${readerTable(readers, kind)}`)
    return { ...summary, readers }
  }
}
