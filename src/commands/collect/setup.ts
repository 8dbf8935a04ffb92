import { Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../../cli/base-command.js'
import type { SetupReport } from '../../collect/setup/run-setup.js'

export default class CollectSetupCommand extends BootpackCommand {
  static override summary = 'Prepare a system so that its next boots are recorded.'
  static override description = `Prints what is needed: kernel arguments that make the kernel record from its first
moments, and a systemd unit that writes the recording down when the boot is over.
Nothing of bootpack runs during the boot. --apply puts both in place, --remove
takes both away. With --root the system mounted there is prepared instead.
Exit codes: 0 all done, 3 something is left to do by hand, 5 refused.`
  static override examples = [
    '<%= config.bin %> collect setup',
    '<%= config.bin %> collect setup --apply',
    '<%= config.bin %> collect setup --remove',
    '<%= config.bin %> collect setup --root /mnt --program /usr/bin/bootpack',
  ]
  static override flags = {
    apply: Flags.boolean({ description: 'do it', exclusive: ['remove'] }),
    remove: Flags.boolean({ description: 'undo it' }),
    root: Flags.string({ description: 'root folder of the system to prepare', default: '/', helpValue: 'DIR' }),
    program: Flags.string({ description: 'how that system starts bootpack: words with blanks between (default: this program; with --root /usr/bin/bootpack)', helpValue: 'WORDS' }),
    events: Flags.integer({ description: 'pages a boot is expected to read; with the memory it decides the size of the buffer', default: 262_144, min: 1, max: 1 << 28, helpValue: 'N' }),
    buffer: Flags.integer({ description: 'MiB of the buffer per processor, instead', min: 1, max: 4096, helpValue: 'MIB' }),
  }

  async run(): Promise<SetupReport> {
    const { flags } = await this.parse(CollectSetupCommand)
    const [{ runSetup }, { setupText }] = await Promise.all([import('../../collect/setup/run-setup.js'), import('../../cli/setup-text.js')])
    const { apply, remove, root, program, events, buffer } = flags
    const report = runSetup({
      action: remove ? 'remove' : apply ? 'apply' : 'show', root, events,
      self: [process.execPath, `${this.config.root}/bin/bootpack.js`],
      ...(program !== undefined && { program: program.split(/\s+/).filter((word) => word !== '') }),
      ...(buffer !== undefined && { buffer }),
    })
    this.log(setupText(report))
    this.end(report.action !== 'show' && !report.complete ? exitCode.partial : exitCode.done)
    return report
  }
}
