import { Flags } from '@oclif/core'
import { BootpackCommand } from '../../cli/session/base-command.js'

interface CancelReport {
  readonly removed: readonly string[]
}

export default class ShutdownCancelCommand extends BootpackCommand {
  static override summary = 'Take back what is ordered for when this machine goes down.'
  static override description = `Every file the order consists of is removed. What became of earlier orders
stays in /var/lib/bootpack/shutdown, until --forget.`
  static override examples = ['<%= config.bin %> shutdown cancel']
  static override flags = {
    forget: Flags.boolean({ description: 'also remove what is kept of earlier orders' }),
  }

  async run(): Promise<CancelReport> {
    const { flags } = await this.parse(ShutdownCancelCommand)
    const [{ cancelOrder }, { escapePath }] = await Promise.all([
      import('../../shutdown/cancel.js'),
      import('../../text/escape-path.js'),
    ])
    this.abortable()
    const { removed } = cancelOrder({ forget: flags.forget })
    this.log(
      removed.length === 0 ? 'Nothing was ordered.' : removed.map((path) => `removed   ${escapePath(path)}`).join('\n'),
    )
    return { removed }
  }
}
