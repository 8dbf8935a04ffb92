import { Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../../cli/session/base-command.js'
import { partitionFlag, targetArgument } from '../../cli/args/flags.js'
import type { RemoveReport } from '../../provision/run-preload.js'

export default class PreloadRemoveCommand extends BootpackCommand {
  static override summary = 'Take everything away again that preload install has written.'
  static override description = `Removes the list, the scripts and the folders that were made for them. The
initramfs of this machine is made anew; for a mount point or an image the
command is printed, and run with --rebuild. An initramfs that still has the
script does nothing without the list.
Exit codes: 0 all done, 3 the initramfs is still to be made anew, 5 refused.`
  static override examples = [
    '<%= config.bin %> preload remove /',
    '<%= config.bin %> preload remove disk.img --partition 2',
  ]
  static override args = { target: targetArgument }
  static override flags = {
    partition: partitionFlag,
    rebuild: Flags.boolean({ description: 'make the initramfs anew (default: only on this machine)', allowNo: true }),
  }

  async run(): Promise<RemoveReport> {
    const { args, flags } = await this.parse(PreloadRemoveCommand)
    const { removePreload } = await import('../../provision/run-preload.js')
    this.abortable()
    const report = await removePreload({ target: args.target, partition: flags.partition, rebuild: flags.rebuild })
    this.log(
      [
        ...(report.removed.length === 0
          ? ['Nothing was installed.']
          : report.removed.map((path) => `removed   ${path}`)),
        ...report.todo,
      ].join('\n'),
    )
    this.end(report.todo.length > 0 ? exitCode.partial : exitCode.done)
    return report
  }
}
