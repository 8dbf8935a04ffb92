import { Flags } from '@oclif/core'
import { BootpackCommand } from '../../cli/session/base-command.js'
import type { Prepared } from '../../shutdown/prepare.js'
import type { Tried } from '../../shutdown/try-environment.js'

export default class ShutdownPrepareCommand extends BootpackCommand {
  static override hidden = true
  static override summary = 'Put together, in memory, what runs when everything else is down.'
  static override description = `For the unit of an order, which runs it when the machine goes down; at any
other time it does nothing. With --try it is put together out of sight,
started once, and thrown away.`
  static override flags = { try: Flags.boolean({ description: 'only see whether it can be done, and what it takes' }) }

  async run(): Promise<Prepared | Tried> {
    const { flags } = await this.parse(ShutdownPrepareCommand)
    const program = { node: process.execPath, home: this.config.root }
    if (flags.try) {
      const tried = (await import('../../shutdown/try-environment.js')).tryShutdown(program)
      this.log(`${tried.bytes} bytes, ${tried.seconds.toFixed(1)} s`)
      return tried
    }
    this.abortable()
    const prepared = (await import('../../shutdown/prepare.js')).prepareShutdown(program)
    this.log(prepared.prepared ? `Prepared, ${prepared.bytes} bytes.` : `Not prepared: ${prepared.why}.`)
    return prepared
  }
}
