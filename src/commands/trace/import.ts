import { Args, Flags } from '@oclif/core'
import { BootpackCommand } from '../../cli/session/base-command.js'
import { archiveKind } from '../../cli/session/trace-archives.js'
import { anyTraceFlag, formatFlag, partitionFlag } from '../../cli/args/flags.js'
import { counted } from '../../text/table.js'
import { count } from '../../text/units.js'
import type { Trace } from '../../trace/model/trace.js'

interface ImportReport {
  readonly format: string
  readonly reads: number
  /** Files the trace names that the target does not have. */
  readonly missing?: number
  readonly bad: Trace['bad']
}

export default class TraceImportCommand extends BootpackCommand {
  static override summary = 'Turn a recording of another tool into a trace.'
  static override description = `The format is recognised by content. With --target, inode numbers get names
and blocks of the device get owners, so that the trace can be used after the
layout has changed; the target must still have the layout it was recorded
on.`
  static override examples = [
    '<%= config.bin %> trace import boot.tracefs.gz --target disk.img -o boot.trace',
    '<%= config.bin %> trace import startup.log -o boot.trace.gz',
  ]
  static override args = {
    file: Args.string({ description: 'the recording, or - for standard input', required: true }),
  }
  static override flags = {
    format: formatFlag,
    target: Flags.string({ description: 'the filesystem that was traced', helpValue: 'TARGET' }),
    partition: partitionFlag,
    'any-trace': anyTraceFlag,
    root: Flags.string({ description: 'where that filesystem was mounted, for recordings of paths', helpValue: 'DIR' }),
    device: Flags.string({ description: 'only reads of this device, as MAJOR:MINOR, or all', helpValue: 'DEVICE' }),
    output: Flags.string({
      char: 'o',
      description: 'the trace to write; gzipped when it ends in .gz',
      helpValue: 'OUT',
      required: true,
    }),
  }

  async run(): Promise<ImportReport> {
    const { args, flags } = await this.parse(TraceImportCommand)
    this.needOneOutput(flags.output)
    const kind = args.file === '-' ? undefined : archiveKind(args.file)
    if (kind !== undefined) return this.importMany(kind, args.file, flags.output)
    const [{ importTrace }, { formatNamedByUser, warnOfBadLines }, { needOutputs }] = await Promise.all([
      import('../../trace/import-trace.js'),
      import('../../cli/args/load-trace.js'),
      import('../../cli/args/outputs.js'),
    ])
    await needOutputs([{ path: flags.output, kind: 'trace' }], [args.file, flags.target])
    const format = formatNamedByUser(flags.format)
    const options = {
      ...(format !== undefined && { format }),
      ...(flags.root !== undefined && { root: flags.root }),
      ...(flags.device !== undefined && { device: flags.device }),
    }
    const progress = this.progress('Reading the recording')
    const report =
      flags.target === undefined
        ? await importTrace(args.file, flags.output, options)
        : await this.importOnto(flags.target, args.file, flags.output, options, flags)
    progress.end()
    warnOfBadLines(report.bad)
    const missing = 'missing' in report ? `, ${report.missing} files are not on the target` : ''
    if (flags.output !== '-')
      this.log(`${count(report.reads)} reads written to ${flags.output} (from ${report.format}${missing}).`)
    return report
  }

  /** Several traces are written as OUT.1, OUT.2, …: numbers before the ending. */
  private async importMany(kind: string, file: string, output: string): Promise<ImportReport> {
    const [{ openArchive }, { writeTrace }, { numberedName }, { needOutputs }] = await Promise.all([
      import('../../cli/session/trace-archives.js'),
      import('../../trace/write-trace.js'),
      import('../../cli/args/numbered-name.js'),
      import('../../cli/args/outputs.js'),
    ])
    await needOutputs([{ path: output, kind: 'trace' }], [file])
    const archive = await openArchive(kind, this.config)
    const progress = this.progress('Reading the traces')
    let first: Trace | undefined
    let boots = 0
    let reads = 0
    // The first keeps its name when it stays the only one.
    for await (const trace of archive.read(file)) {
      if (boots === 1) await writeTrace(numberedName(output, 1), first!)
      if (boots === 0) first = trace
      else await writeTrace(numberedName(output, boots + 1), trace)
      boots++
      reads += trace.reads.length
    }
    if (boots === 1) await writeTrace(output, first!)
    progress.end()
    const where = boots === 1 ? output : `${numberedName(output, 1)} to ${numberedName(output, boots)}`
    if (output !== '-')
      this.log(`${count(reads)} reads of ${counted(boots, 'boot')} written to ${where} (from ${kind}).`)
    return { format: kind, reads, bad: { count: 0, examples: [] } }
  }

  private async importOnto(
    target: string,
    file: string,
    output: string,
    options: object,
    { partition, 'any-trace': anyTrace }: { readonly partition?: number | undefined; readonly 'any-trace': boolean },
  ): Promise<ImportReport & { missing: number }> {
    const [{ openTarget }, { fittingTrace }, { readTrace }, { nameTrace }, { writeTrace }] = await Promise.all([
      import('../../cli/session/open-target.js'),
      import('../../cli/args/load-trace.js'),
      import('../../trace/read-trace.js'),
      import('../../plan/resolve/name-trace.js'),
      import('../../trace/write-trace.js'),
    ])
    const trace = await readTrace(file, options)
    const volume = await openTarget(target, { write: false, partition }, this.config)
    try {
      const fitting = fittingTrace(trace, volume, anyTrace, (sentence) => this.note(sentence))
      const { reads, missing } = await nameTrace(fitting.reads, volume, fitting.fit)
      const header = {
        ...trace.header,
        resolved: volume.geometry().uuid,
        ...(missing.length > 0 && { missing: missing.length }),
      }
      await writeTrace(output, { header, reads })
      return { format: trace.header.source, reads: reads.length, missing: missing.length, bad: trace.bad }
    } finally {
      await volume.close()
    }
  }
}
