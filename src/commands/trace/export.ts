import { Args, Flags } from '@oclif/core'
import { BootpackCommand } from '../../cli/session/base-command.js'
import { formatFlag } from '../../cli/args/flags.js'
import { counted } from '../../text/table.js'
import { count } from '../../text/units.js'
import { exportFormats, type Exported } from '../../trace/export-trace.js'

/** What the reasons of an export count. */
const leftOut: Readonly<Record<string, string>> = {
  'metadata-read': 'metadata read',
  'no-path': 'nameless file',
  'line-break-in-name': 'unwritable name',
  directory: 'folder',
}

export default class TraceExportCommand extends BootpackCommand {
  static override summary = 'Write a trace in the format of another tool.'
  static override examples = [
    '<%= config.bin %> trace export boot.trace --to list -o files.txt',
    '<%= config.bin %> trace export boot.trace --to squashfs-sort -o sort.txt',
  ]
  static override args = {
    file: Args.string({ description: 'a trace in any known format, or - for standard input', required: true }),
  }
  static override flags = {
    format: formatFlag,
    to: Flags.option({ description: 'format to write', options: exportFormats, required: true })(),
    output: Flags.string({
      char: 'o',
      description: 'file to write, or - for standard output',
      default: '-',
      helpValue: 'OUT',
    }),
  }

  async run(): Promise<Exported> {
    const { args, flags } = await this.parse(TraceExportCommand)
    this.needOneOutput(flags.output)
    const [{ loadTrace }, { exportTrace }, { needOutputs }] = await Promise.all([
      import('../../cli/args/load-trace.js'),
      import('../../trace/export-trace.js'),
      import('../../cli/args/outputs.js'),
    ])
    await needOutputs([{ path: flags.output, kind: flags.to === 'native' ? 'trace' : flags.to }], [args.file])
    const progress = this.progress('Reading the trace')
    const exported = await exportTrace(await loadTrace(args.file, flags.format), flags.to, flags.output)
    progress.end()
    for (const [reason, left] of Object.entries(exported.skipped))
      process.stderr.write(`Left out: ${counted(left, leftOut[reason] ?? reason)}.\n`)
    if (flags.output !== '-') this.log(`${count(exported.written)} lines written to ${flags.output}.`)
    return exported
  }
}
