import { Args, Flags } from '@oclif/core'
import { usageError } from '../../errors.js'
import { BootpackCommand } from '../../cli/session/base-command.js'
import { formatFlag } from '../../cli/args/flags.js'
import { counted } from '../../text/table.js'
import { count } from '../../text/units.js'
import { archiveNames, isArchive } from '../../cli/session/trace-archives.js'
import type { Trace } from '../../trace/model/trace.js'
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
    '<%= config.bin %> trace export "boots/*.trace" --to parquet -o boots.parquet',
  ]
  static override description = `Parquet holds many traces in one file, for databases; what is below /home and
/var is left out of it, and said (docs/fleet.md).`
  static override strict = false
  static override args = {
    file: Args.string({
      description: 'a trace in any known format, or - for standard input; with parquet several',
      required: true,
    }),
  }
  static override flags = {
    format: formatFlag,
    to: Flags.option({
      description: 'format to write',
      options: [...exportFormats, ...archiveNames] as const,
      required: true,
    })(),
    exclude: Flags.string({
      description: 'parquet: leave out files below this folder, too',
      multiple: true,
      helpValue: 'FOLDER',
    }),
    'keep-private': Flags.boolean({ description: 'parquet: keep files below /home and /var' }),
    output: Flags.string({
      char: 'o',
      description: 'file to write, or - for standard output',
      default: '-',
      helpValue: 'OUT',
    }),
  }

  async run(): Promise<Exported> {
    const { args, argv, flags } = await this.parse(TraceExportCommand)
    this.needOneOutput(flags.output)
    if (isArchive(flags.to)) return this.exportMany(flags.to, argv as string[], flags)
    if (argv.length > 1)
      throw usageError(
        'several-traces',
        `The format ${flags.to} holds one trace, and ${argv.length} were named.`,
        'Name one, or merge them first: bootpack trace merge.',
      )
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

  private async exportMany(
    name: string,
    words: readonly string[],
    flags: { output: string; format: string | undefined; exclude?: string[] | undefined; 'keep-private': boolean },
  ): Promise<Exported> {
    if (flags.output === '-')
      throw usageError(
        'archive-to-stream',
        `A ${name} file cannot be written to standard output.`,
        'Name a file with -o.',
      )
    const [{ expandPatterns }, { openArchive }, { loadTrace }, { needOutputs }] = await Promise.all([
      import('../../cli/args/patterns.js'),
      import('../../cli/session/trace-archives.js'),
      import('../../cli/args/load-trace.js'),
      import('../../cli/args/outputs.js'),
    ])
    const archive = await openArchive(name, this.config)
    const files = await expandPatterns(words)
    await needOutputs([{ path: flags.output, kind: 'parquet' }], files)
    const progress = this.progress('Reading the traces')
    const traces = async function* (): AsyncGenerator<Trace> {
      for (const [i, file] of files.entries()) {
        yield await loadTrace(file, flags.format)
        progress.update(i + 1, files.length)
      }
    }
    const without = [...(flags['keep-private'] ? [] : archive.privateFolders), ...(flags.exclude ?? [])]
    const { boots, reads, left } = await archive.write(flags.output, traces(), without)
    progress.end()
    const skipped: Record<string, number> = left > 0 ? { private: left } : {}
    if (left > 0) process.stderr.write(`Left out: ${counted(left, 'read')} of private files.\n`)
    this.log(`${count(reads)} reads of ${counted(boots, 'boot')} written to ${flags.output}.`)
    return { written: reads, skipped }
  }
}
