import { BootpackCommand } from '../../cli/session/base-command.js'
import type { ShutdownStatus } from '../../shutdown/status.js'

export default class ShutdownStatusCommand extends BootpackCommand {
  static override summary = 'Say what is ordered for when this machine goes down.'
  static override description = `Orders are given with --at-shutdown, by pack, apply and undo. What became of
the last one is told as well; what was said while it was
carried out is in /var/lib/bootpack/shutdown/log.`
  static override examples = ['<%= config.bin %> shutdown status']

  async run(): Promise<ShutdownStatus> {
    await this.parse(ShutdownStatusCommand)
    const [{ shutdownStatus }, { statusText }] = await Promise.all([
      import('../../shutdown/status.js'),
      import('../../cli/render/shutdown-text.js'),
    ])
    const status = shutdownStatus()
    this.log(statusText(status.order, status.outcome, status.active))
    return status
  }
}
