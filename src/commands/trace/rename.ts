import { Args, Flags } from '@oclif/core'
import { BootpackCommand } from '../../cli/session/base-command.js'
import { formatFlag, partitionFlag } from '../../cli/args/flags.js'
import { escapePath } from '../../text/escape-path.js'
import { counted, table } from '../../text/table.js'
import { count } from '../../text/units.js'
import type { Rename } from '../../trace/renames/guess.js'

interface RenameReport {
  /** Files of the trace that the target has. */
  readonly there: number
  readonly renames: readonly Rename[]
  /** Files of the trace that it does not have, under any name that could be guessed. */
  readonly left: readonly string[]
}

/** What a reason says in a list. */
const says = {
  version: 'another version',
  soname: 'another version, another soname',
  folder: 'another folder',
  table: 'the table says so',
} as const

export default class TraceRenameCommand extends BootpackCommand {
  static override summary = 'Give a profile of the last image the names of the next.'
  static override description = `Upgrades rename files: libfoo.so.1.2 becomes libfoo.so.1.3, and a profile no
longer finds it. Names that the target does not have become the one name
there that differs in its numbers only. These are guesses, shown and counted;
--save-table writes them down to be looked through, and --table takes what
somebody knows.`
  static override examples = [
    '<%= config.bin %> trace rename boot.trace --target disk.img -o next.trace',
    '<%= config.bin %> trace rename boot.trace --target disk.img --save-table renames.tsv -o next.trace',
  ]
  static override args = {
    file: Args.string({ description: 'a trace with names', required: true }),
  }
  static override flags = {
    format: formatFlag,
    target: Flags.string({ description: 'the next image', helpValue: 'TARGET', required: true }),
    partition: partitionFlag,
    table: Flags.string({ description: 'renames that are known: old, tab, new', helpValue: 'TSV' }),
    'save-table': Flags.string({ description: 'write the renames, to look at and to use again', helpValue: 'TSV' }),
    output: Flags.string({ char: 'o', description: 'the trace to write', helpValue: 'OUT', required: true }),
  }

  async run(): Promise<RenameReport> {
    const { args, flags } = await this.parse(TraceRenameCommand)
    this.needOneOutput(flags.output)
    const [{ loadTrace }, { openTarget }, { renameOnto }, { writeTrace }, { renamed }, tables, outputs, texts, files] =
      await Promise.all([
        import('../../cli/args/load-trace.js'),
        import('../../cli/session/open-target.js'),
        import('../../plan/resolve/rename-onto.js'),
        import('../../trace/write-trace.js'),
        import('../../trace/renames/apply.js'),
        import('../../trace/renames/table-text.js'),
        import('../../cli/args/outputs.js'),
        import('../../cli/args/text-file.js'),
        import('../../files/atomic-file.js'),
      ])
    await outputs.needOutputs(
      [
        { path: flags.output, kind: 'trace' },
        { path: flags['save-table'], kind: 'renames' },
      ],
      [args.file, flags.target, flags.table],
    )
    const known =
      flags.table === undefined ? [] : tables.parseRenameTable(await texts.readTextFile(flags.table, 'The table'))
    const progress = this.progress('Reading the trace')
    const trace = await loadTrace(args.file, flags.format)
    progress.step('Looking for its files')
    const volume = await openTarget(flags.target, { write: false, partition: flags.partition }, this.config)
    let report: RenameReport
    try {
      report = await renameOnto(trace, volume, known)
    } finally {
      await volume.close()
    }
    await writeTrace(flags.output, renamed(trace, report.renames))
    if (flags['save-table'] !== undefined)
      await files.writeAtomically(flags['save-table'], 'renames', (file) =>
        file.writeFile(tables.renameTable(report.renames)),
      )
    progress.end()
    if (flags.output !== '-') this.tell(report, flags.output)
    return report
  }

  private tell({ there, renames, left }: RenameReport, output: string): void {
    const shown = renames.slice(0, 10)
    if (shown.length > 0)
      this.log(
        table(
          ['guessed', 'why'],
          shown.map(({ from, to, reason }) => [`${escapePath(from)} -> ${escapePath(to)}`, says[reason]]),
        ),
      )
    if (renames.length > shown.length) this.log(`… and ${count(renames.length - shown.length)} more (--save-table)`)
    this.log(
      `Of the trace, ${counted(there, 'file')} on the target under the same name, ${count(renames.length)} more under another name, ` +
        `${count(left.length)} are not. Written to ${output}.`,
    )
  }
}
