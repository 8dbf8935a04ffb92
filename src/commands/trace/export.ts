import { Args, Flags } from '@oclif/core'
import { usageError } from '../../errors.js'
import { BootpackCommand } from '../../cli/session/base-command.js'
import { formatFlag, partitionFlag } from '../../cli/args/flags.js'
import { counted } from '../../text/table.js'
import { count } from '../../text/units.js'
import { archiveNames, isArchive } from '../../cli/session/trace-archives.js'
import type { Trace } from '../../trace/model/trace.js'
import type { DeviceRange } from '../../trace/export/ranges.js'
import {
  exportFormats,
  isRangeFormat,
  outputKindOf,
  type Exported,
  type RangeFormat,
} from '../../trace/export/formats.js'

/** What the reasons of an export count: of one, and of more. */
const leftOut: Readonly<Record<string, readonly [string, string]>> = {
  'metadata-read': ['metadata read', 'metadata reads'],
  'no-path': ['nameless file', 'nameless files'],
  'line-break-in-name': ['unwritable name', 'unwritable names'],
  'unwritable-name': ['unwritable name', 'unwritable names'],
  directory: ['folder', 'folders'],
  'over-64-kib': ['file past the 64 KiB of a list', 'files past the 64 KiB of a list'],
  'file-read': ['read of a file', 'reads of files'],
  missing: ['file that the target does not have', 'files that the target does not have'],
}

const tellLeftOut = (reason: string, number: number): string => {
  const [one, more] = leftOut[reason] ?? [reason, reason]
  return `Left out: ${count(number)} ${number === 1 ? one : more}.\n`
}

export default class TraceExportCommand extends BootpackCommand {
  static override summary = 'Write a trace in the format of another tool.'
  static override examples = [
    '<%= config.bin %> trace export boot.trace --to list -o files.txt',
    '<%= config.bin %> trace export boot.trace --to squashfs-sort -o sort.txt',
    '<%= config.bin %> trace export boot.trace --to fio-iolog --target disk.img -o boot.iolog',
    '<%= config.bin %> trace export "boots/*.trace" --to parquet -o boots.parquet',
  ]
  static override description = `Lists for those who read in advance (nydus, overlaybd, estargz, soci), for
makers of filesystems that take a tar stream (tar-order), and ranges of the
device (ranges, ranges-json, fio-iolog): of a target's layout, or of a
recording of a block device by itself. docs/cloud.md has a recipe for each.

Parquet holds many traces in one file, for databases; what is below /home and
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
      description: `format to write: ${[...exportFormats, ...archiveNames].join(', ')}`,
      options: [...exportFormats, ...archiveNames] as const,
      helpValue: 'FORMAT',
      required: true,
    })(),
    target: Flags.string({ description: 'ranges: the filesystem they lie on', helpValue: 'TARGET' }),
    partition: partitionFlag,
    device: Flags.string({
      description: 'fio-iolog: what it calls the device; by default the target',
      helpValue: 'NAME',
    }),
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
      import('../../trace/export/export-trace.js'),
      import('../../cli/args/outputs.js'),
    ])
    const { to, output } = flags
    await needOutputs([{ path: output, kind: outputKindOf(to) }], [args.file, flags.target])
    const progress = this.progress('Reading the trace')
    const trace = await loadTrace(args.file, flags.format)
    const exported = isRangeFormat(to)
      ? await this.exportRanges(trace, to, flags)
      : await exportTrace(trace, to, output)
    progress.end()
    for (const [reason, left] of Object.entries(exported.skipped)) process.stderr.write(tellLeftOut(reason, left))
    const things = isRangeFormat(to) ? 'ranges' : to === 'native' ? 'reads' : 'files'
    if (output !== '-') this.log(`${count(exported.written)} ${things} written to ${output}.`)
    return exported
  }

  /** Of a target's layout, or where there is none of the blocks that the recording names. */
  private async exportRanges(
    trace: Trace,
    format: RangeFormat,
    flags: { target?: string | undefined; partition?: number | undefined; device?: string | undefined; output: string },
  ): Promise<Exported> {
    const [{ rangeText, recordedRanges, rangesExported }, { writeBytes }] = await Promise.all([
      import('../../trace/export/ranges.js'),
      import('../../trace/export/export-trace.js'),
    ])
    const { ranges, skipped } =
      flags.target === undefined ? recordedRanges(trace) : await this.rangesOn(flags.target, flags.partition, trace)
    if (ranges.length === 0)
      throw usageError(
        'no-ranges',
        'The trace names files, and where those lie was not said.',
        'Name the filesystem: --target disk.img',
      )
    const device = flags.device ?? flags.target ?? 'device'
    await writeBytes(Buffer.from(rangeText(ranges, format, device)), format, flags.output)
    return rangesExported(ranges, skipped)
  }

  private async rangesOn(
    target: string,
    partition: number | undefined,
    trace: Trace,
  ): Promise<{ ranges: DeviceRange[]; skipped: Record<string, number> }> {
    const [{ openTarget }, { rangesOnVolume }] = await Promise.all([
      import('../../cli/session/open-target.js'),
      import('../../plan/resolve/ranges-on-volume.js'),
    ])
    const volume = await openTarget(target, { write: false, partition }, this.config)
    try {
      const start =
        volume.partition === undefined || volume.partition === 0 ? 0 : await startOf(target, volume.partition)
      return await rangesOnVolume(trace, volume, start)
    } finally {
      await volume.close()
    }
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

/** Bytes from the start of the disk, which may be inside a disk image of QEMU's, to a partition of it. */
async function startOf(target: string, partition: number): Promise<number> {
  const [{ openGated }, { partitionStart }] = await Promise.all([
    import('../../ext4/engine/open-exclusive.js'),
    import('../../disk/partitions/start.js'),
  ])
  const { store } = await openGated(target, false)
  try {
    return await partitionStart(store, partition)
  } finally {
    await store.close()
  }
}
