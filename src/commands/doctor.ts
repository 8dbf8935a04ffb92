import { BootpackCommand, exitCode } from '../cli/session/base-command.js'
import { partitionFlag, targetArgument } from '../cli/args/flags.js'
import type { Examination } from '../doctor/examine.js'
import type { AutoStatus } from '../auto/status.js'
import type { ShutdownStatus } from '../shutdown/status.js'

export default class DoctorCommand extends BootpackCommand {
  static override summary = 'Say what can and cannot be done with a target, and why.'
  static override description = `Kernel, tools, kind of disk, shape of the free space, what would be refused
and the way out, and whether packing is worth it here. Writes nothing. Exit
5 when the target cannot be packed as it is.`
  static override examples = ['<%= config.bin %> doctor disk.img', '<%= config.bin %> doctor / --json']
  static override args = { target: targetArgument }
  static override flags = { partition: partitionFlag }

  async run(): Promise<Examination & { readonly shutdown?: ShutdownStatus; readonly auto?: AutoStatus }> {
    const { args, flags } = await this.parse(DoctorCommand)
    const [{ enginesFor }, { examine }, { doctorReport }] = await Promise.all([
      import('../cli/session/open-target.js'),
      import('../doctor/examine.js'),
      import('../report/doctor-report.js'),
    ])
    const progress = this.progress('Looking at the target')
    const found = await examine(args.target, await enginesFor(args.target, this.config), flags.partition).finally(() =>
      progress.end(),
    )
    this.log(doctorReport(found))
    if (found.refusals.length > 0) this.end(exitCode.refused)
    if (args.target !== '/') return found
    const shutdown = await this.atShutdown()
    const auto = await this.byItself()
    return { ...found, ...(shutdown && { shutdown }), ...(auto && { auto }) }
  }

  /** Of this machine: what is ordered for when it goes down, and what became of it. */
  private async atShutdown(): Promise<ShutdownStatus | undefined> {
    const [{ shutdownStatus }, { statusText }] = await Promise.all([
      import('../shutdown/status.js'),
      import('../cli/render/shutdown-text.js'),
    ])
    const status = shutdownStatus()
    if (!status.order && !status.outcome) return undefined
    this.log(`\n${statusText(status.order, status.outcome, status.active)}`)
    return status
  }

  /** Of this machine: how far `auto` is, and whether boots have become faster. Only root may look. */
  private async byItself(): Promise<AutoStatus | undefined> {
    if (process.geteuid?.() !== 0) return undefined
    const [{ PinnedRoot }, { autoStatus }, { autoText }, { comparisonSentence }] = await Promise.all([
      import('../collect/setup/pinned-root.js'),
      import('../auto/status.js'),
      import('../cli/render/auto-text.js'),
      import('../boots/comparison.js'),
    ])
    const root = PinnedRoot.open('/')
    try {
      const status = autoStatus(root)
      if (status.state) this.log(`\n${autoText(status)}`)
      else if (status.comparison) this.log(`\n${comparisonSentence(status.comparison)}`)
      return status.state || status.comparison ? status : undefined
    } finally {
      root.close()
    }
  }
}
