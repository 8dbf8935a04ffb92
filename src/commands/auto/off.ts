import { Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../../cli/session/base-command.js'
import type { Off } from '../../auto/off.js'

export default class AutoOffCommand extends BootpackCommand {
  static override summary = 'Take back what bootpack auto has done, but the layout.'
  static override description = `Recording, reading in advance, what is ordered for when the machine goes
down, the recordings and the units are removed, as far as auto has made
them. The layout stays, and the plan that can undo it; with --undo the
layout is put back, too, the next time the machine goes down.
Exit codes: 0 all done, 3 something is left to wait for.`
  static override examples = ['<%= config.bin %> auto off']
  static override flags = {
    undo: Flags.boolean({ description: 'also put the layout back, the next time this machine goes down' }),
    forget: Flags.boolean({
      description: 'also remove the plan that packed it: then it cannot be undone',
      exclusive: ['undo'],
    }),
  }

  async run(): Promise<Off> {
    const { flags } = await this.parse(AutoOffCommand)
    const [{ PinnedRoot }, { turnOff }, { programOf }, { escapePath }, { needRoot }] = await Promise.all([
      import('../../collect/setup/pinned-root.js'),
      import('../../auto/off.js'),
      import('../../cli/session/give-order.js'),
      import('../../text/escape-path.js'),
      import('../../auto/need-root.js'),
    ])
    needRoot()
    this.abortable()
    const root = PinnedRoot.open('/')
    try {
      const off = await turnOff(
        {
          root,
          program: programOf(this.config),
          signal: this.signal,
          onCommand: (words) => this.log(`bootpack ${words.join(' ')}`),
        },
        { undo: flags.undo, forget: flags.forget },
      )
      this.log(
        off.was
          ? [
              ...off.removed.map((path) => `removed   ${escapePath(path)}`),
              ...this.rest(off, root.has('var/lib/bootpack/packed.plan')),
            ].join('\n')
          : 'auto was off.',
      )
      this.end(off.waits === undefined ? exitCode.done : exitCode.partial)
      return off
    } finally {
      root.close()
    }
  }

  private rest({ waits }: Off, plan: boolean): string[] {
    if (waits !== undefined) return [`auto waits ${waits}; then the rest is removed.`]
    return plan
      ? [
          'The layout stays. What would undo it is in /var/lib/bootpack/packed.plan:',
          'bootpack undo /var/lib/bootpack/packed.plan --at-shutdown',
        ]
      : []
  }
}
