import { Args, Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../../cli/session/base-command.js'
import { BootpackError, usageError } from '../../errors.js'
import type { Begun } from '../../auto/begin.js'

interface AutoReport {
  readonly begun: boolean
  readonly step?: string
  readonly written: readonly string[]
  readonly todo: readonly string[]
}

export default class AutoCommand extends BootpackCommand {
  static override summary = 'Pack the boot of this machine by itself, over its next boots, and keep it packed.'
  static override description = `Says what it will do and asks. Then, by itself: two boots are recorded and
merged, what they read is read in advance, the root is packed when the
machine goes down, boots are recorded again to see what it was worth, and
the recording is taken away; once a week it is looked whether packing again
is worth it. Each step is a command that could be typed (docs/auto.md).
Said again, it goes on where it has halted.
Exit codes: 0 begun, 3 something is left to do by hand, 5 refused.`
  static override examples = ['<%= config.bin %> auto /', '<%= config.bin %> auto / --yes --at-most 600']
  static override args = { target: Args.string({ description: 'the root, /', required: true }) }
  static override flags = {
    yes: Flags.boolean({ description: 'do not ask' }),
    boots: Flags.integer({ description: 'boots to record before packing', default: 2, min: 1, max: 5, helpValue: 'N' }),
    proofs: Flags.integer({
      description: 'boots to record after it; three are the fewest that can tell a difference',
      default: 3,
      min: 1,
      max: 5,
      helpValue: 'N',
    }),
    'at-most': Flags.integer({
      description: 'seconds the machine may be kept from going down',
      default: 300,
      min: 10,
      max: 86_400,
      helpValue: 'SECONDS',
    }),
  }

  async run(): Promise<AutoReport> {
    const { args, flags } = await this.parse(AutoCommand)
    const [{ PinnedRoot }, { begin, refuseAuto }, { promiseText }, { programOf }, { noteBoot }] = await Promise.all([
      import('../../collect/setup/pinned-root.js'),
      import('../../auto/begin.js'),
      import('../../cli/render/auto-text.js'),
      import('../../cli/session/give-order.js'),
      import('../../boots/note-boot.js'),
    ])
    const { boots, proofs, 'at-most': atMost } = flags
    const root = PinnedRoot.open('/')
    try {
      refuseAuto(root, args.target)
      this.log(promiseText({ boots, proofs, atMost }))
      if (!flags.yes && !(await this.agreed())) {
        this.log('Nothing was done.')
        return { begun: false, written: [], todo: [] }
      }
      this.abortable()
      const begun = await begin(
        {
          root,
          program: programOf(this.config),
          signal: this.signal,
          onCommand: (words) => this.log(`\nbootpack ${words.join(' ')}`),
        },
        { boots, proofs, atMost },
      )
      if (!('state' in begun)) throw failed(begun)
      // One more boot to compare with, though nobody recorded it.
      if (begun.written.length > 0) noteBoot()
      this.log(begunText(begun))
      this.end(begun.todo.length > 0 ? exitCode.partial : exitCode.done)
      return { begun: true, step: begun.state.step, written: begun.written, todo: begun.todo }
    } finally {
      root.close()
    }
  }

  /** @throws usage where nobody can be asked */
  private async agreed(): Promise<boolean> {
    if (!process.stdin.isTTY || this.jsonEnabled())
      throw usageError('needs-yes', 'Nobody is there to be asked.', 'Say --yes if that is what you want.')
    const { createInterface } = await import('node:readline/promises')
    const asking = createInterface({ input: process.stdin, output: process.stderr })
    try {
      return /^y(es)?$/i.test((await asking.question('\nBegin? [y/N] ')).trim())
    } finally {
      asking.close()
    }
  }
}

const failed = ({ message, next }: { readonly message?: string; readonly next?: string }): BootpackError =>
  new BootpackError('refused', 'not-begun', message ?? 'Recording boots could not be arranged.', {
    next: next ?? 'See what it says: bootpack collect setup --apply',
  })

const begunText = ({ written, todo }: Begun): string =>
  written.length === 0
    ? 'It was begun before, and goes on. See: bootpack auto status'
    : ['', ...written.map((path) => `written   ${path}`), ...todo, '', 'Begun: the next boots are recorded.'].join('\n')
