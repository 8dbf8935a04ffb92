import { BootpackCommand } from '../../cli/session/base-command.js'
import type { AutoStatus } from '../../auto/status.js'

export default class AutoStatusCommand extends BootpackCommand {
  static override summary = 'Say how far packing this machine by itself has come, and what comes next.'
  static override description = `Also what went wrong, if something did, and whether boots have become
faster, once there are enough of them. Reads only.`
  static override examples = ['<%= config.bin %> auto status']

  async run(): Promise<AutoStatus> {
    await this.parse(AutoStatusCommand)
    const [{ PinnedRoot }, { autoStatus }, { autoText }] = await Promise.all([
      import('../../collect/setup/pinned-root.js'),
      import('../../auto/status.js'),
      import('../../cli/render/auto-text.js'),
    ])
    const root = PinnedRoot.open('/')
    try {
      const status = autoStatus(root)
      this.log(autoText(status))
      return status
    } finally {
      root.close()
    }
  }
}
