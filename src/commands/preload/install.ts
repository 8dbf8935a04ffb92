import { Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../../cli/session/base-command.js'
import { anyTraceFlag, formatFlag, partitionFlag, targetArgument, traceFlag } from '../../cli/args/flags.js'
import { sweepFlags } from '../../cli/args/preload-flags.js'
import type { SweepSummary } from '../../cli/render/preload-text.js'
import type { InstallReport } from '../../provision/run-preload.js'

export type PreloadInstall = InstallReport & { readonly sweep: SweepSummary }

export default class PreloadInstallCommand extends BootpackCommand {
  static override summary = 'Make a system read ahead what its boot needs, in the order of the disk.'
  static override description = `Writes a list of what a boot reads (first the metadata, as ranges of the
device, then files) into /etc/bootpack of the target, and what reads it
before init: a script in the initramfs (initramfs-tools or dracut), or a
systemd unit before all others. Only sh, cat and dd run at boot, and
whatever fails there ends in the ordinary boot (docs/preload.md). Pack
first: the sweep is worth most on a packed disk; install again after packing
again. The initramfs of this machine is made anew; for a mount point or an
image the command is printed, and run with --rebuild, which runs that
system's programs. An image is mounted for this, privately, which takes
root.
Exit codes: 0 all done, 3 the initramfs is still to be made anew, 5 refused.`
  static override examples = [
    '<%= config.bin %> preload install / --trace boot.trace',
    '<%= config.bin %> preload install disk.img --trace boot.trace --form systemd',
    '<%= config.bin %> preload install /mnt --trace boot.trace --form dracut --rebuild',
  ]
  static override args = { target: targetArgument }
  static override flags = {
    trace: traceFlag,
    format: formatFlag,
    'any-trace': anyTraceFlag,
    partition: partitionFlag,
    form: Flags.option({
      description: 'what carries it; auto takes the strongest the system has',
      options: ['auto', 'initramfs-tools', 'dracut', 'systemd'] as const,
      default: 'auto' as const,
    })(),
    'time-limit': Flags.integer({
      description: 'seconds the sweep may take at boot',
      default: 30,
      min: 1,
      max: 600,
      helpValue: 'SECONDS',
    }),
    rebuild: Flags.boolean({ description: 'make the initramfs anew (default: only on this machine)', allowNo: true }),
    ...sweepFlags,
  }

  async run(): Promise<PreloadInstall> {
    const { args, flags } = await this.parse(PreloadInstallCommand)
    const [{ listFor }, { installPreload }, { sweepText }] = await Promise.all([
      import('../../cli/session/list-for.js'),
      import('../../provision/run-preload.js'),
      import('../../cli/render/preload-text.js'),
    ])
    const { list, summary } = await listFor(
      args.target,
      flags,
      this.progress('Reading the trace'),
      this.config,
      (sentence) => this.note(sentence),
    )
    this.abortable()
    const report = await installPreload({
      target: args.target,
      partition: flags.partition,
      form: flags.form,
      timeLimit: flags['time-limit'],
      list,
      rebuild: flags.rebuild,
    })
    this.log(sweepText(summary))
    this.log(
      [
        `form      ${report.form}`,
        ...report.written.map((path) => `written   ${path}`),
        ...report.removed.map((path) => `removed   ${path}`),
        ...report.todo,
      ].join('\n'),
    )
    if (report.written.length === 0 && report.removed.length === 0) this.log('Everything was in place.')
    this.end(report.todo.length > 0 ? exitCode.partial : exitCode.done)
    return { ...report, sweep: summary }
  }
}
