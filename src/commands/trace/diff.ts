import { Args, Flags } from '@oclif/core'
import { BootpackCommand } from '../../cli/session/base-command.js'
import type { TraceDiff } from '../../trace/merge/diff.js'

export default class TraceDiffCommand extends BootpackCommand {
  static override summary = 'Compare two traces: what only one reads, and how far they agree on the order.'
  static override examples = ['<%= config.bin %> trace diff monday.trace friday.trace']
  static override args = {
    first: Args.string({ description: 'a trace', required: true }),
    second: Args.string({ description: 'another trace', required: true }),
  }

  static override flags = {
    top: Flags.integer({
      description: 'list so many files of each kind',
      default: 10,
      min: 0,
      max: 100_000,
      helpValue: 'N',
    }),
  }

  async run(): Promise<TraceDiff> {
    const { args, flags } = await this.parse(TraceDiffCommand)
    const [{ loadTrace }, { diffTraces }, { traceDiffText }] = await Promise.all([
      import('../../cli/args/load-trace.js'),
      import('../../trace/merge/diff.js'),
      import('../../report/trace-diff.js'),
    ])
    const progress = this.progress('Reading the traces')
    const diff = diffTraces(await loadTrace(args.first, undefined), await loadTrace(args.second, undefined))
    progress.end()
    this.log(traceDiffText(diff, flags.top))
    return diff
  }
}
