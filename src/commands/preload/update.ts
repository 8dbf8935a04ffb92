import { BootpackCommand } from '../../cli/session/base-command.js'
import { anyTraceFlag, formatFlag, partitionFlag, targetArgument, traceFlag } from '../../cli/args/flags.js'
import type { SweepSummary } from '../../cli/render/preload-text.js'

export interface PreloadUpdate {
  /** Whether it was another list. */
  readonly changed: boolean
  readonly sweep: SweepSummary
}

export default class PreloadUpdateCommand extends BootpackCommand {
  static override summary = 'Make the list of what is read in advance anew, for the layout as it is now.'
  static override description = `After packing again, files lie elsewhere. Only the list is written, with the
options it was installed with; what reads it at boot stays as it is, and so
does the initramfs. Exit 5 when nothing is installed.`
  static override examples = ['<%= config.bin %> preload update / --trace boot.trace']
  static override args = { target: targetArgument }
  static override flags = { trace: traceFlag, format: formatFlag, partition: partitionFlag, 'any-trace': anyTraceFlag }

  async run(): Promise<PreloadUpdate> {
    const { args, flags } = await this.parse(PreloadUpdateCommand)
    const [{ installedOptions, listFor }, { updatePreload }, { sweepText }] = await Promise.all([
      import('../../cli/session/list-for.js'),
      import('../../provision/run-preload.js'),
      import('../../cli/render/preload-text.js'),
    ])
    const options = await installedOptions(args.target, flags.partition, this.config)
    const { list, summary } = await listFor(
      args.target,
      { ...flags, ...options },
      this.progress('Reading the trace'),
      this.config,
      (sentence) => this.note(sentence),
    )
    this.abortable()
    const changed = await updatePreload({ target: args.target, partition: flags.partition, list })
    this.log(`${sweepText(summary)}\n${changed ? 'The list was written anew.' : 'The list was right already.'}`)
    return { changed, sweep: summary }
  }
}
