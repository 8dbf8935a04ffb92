import { BootpackCommand } from '../../cli/session/base-command.js'

interface ContinueReport {
  /** Undefined when nothing is left. */
  readonly waits?: string
}

export default class AutoContinueCommand extends BootpackCommand {
  static override hidden = true
  static override summary = 'Go on with what bootpack auto has begun, as far as can be gone now.'
  static override description = 'For the unit, which runs it after a recording, after each boot, and once a week.'

  async run(): Promise<ContinueReport> {
    await this.parse(AutoContinueCommand)
    const [
      { PinnedRoot },
      { advance },
      { thisMachine, readState, takeUnits },
      { programOf },
      { noteBoot },
      { onBattery },
    ] = await Promise.all([
      import('../../collect/setup/pinned-root.js'),
      import('../../auto/advance.js'),
      import('../../auto/this-machine.js'),
      import('../../cli/session/give-order.js'),
      import('../../boots/note-boot.js'),
      import('../../host/power-supply.js'),
    ])
    this.abortable()
    const root = PinnedRoot.open('/')
    try {
      if (!readState(root)) {
        // Taken back, but for the last of it.
        takeUnits(root)
        return {}
      }
      if (onBattery()) {
        this.log('Not on battery.')
        return { waits: 'for its power' }
      }
      noteBoot()
      const world = thisMachine({
        root,
        program: programOf(this.config),
        signal: this.signal,
        onCommand: (words) => this.log(`bootpack ${words.join(' ')}`),
      })
      const waits = await advance(world)
      this.log(waits === undefined ? 'Nothing is left to do.' : `waits ${waits}`)
      return { ...(waits !== undefined && { waits }) }
    } finally {
      root.close()
    }
  }
}
