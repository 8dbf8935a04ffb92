import { Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../../cli/session/base-command.js'
import { parseBytes } from '../../cli/args/flags.js'
import type { KeepReport } from '../../collect/setup/run-keeping.js'
import type { SetupReport, SetupRequest } from '../../collect/setup/run-setup.js'

interface SetupFlags {
  readonly apply: boolean
  readonly remove: boolean
  readonly root: string
  readonly program?: string | undefined
  readonly events: number
  readonly buffer?: number | undefined
  readonly inodes: boolean
  readonly trace: string
  readonly plan?: string | undefined
  readonly target: string
  readonly 'max-bytes': string
}

export default class CollectSetupCommand extends BootpackCommand {
  static override summary = 'Prepare a system so that its next boots are recorded.'
  static override description = `Prints what is needed: kernel arguments that make the kernel record from its
first moments, and a systemd unit that writes the recording down when the
boot is over. Nothing of bootpack runs during the boot. --apply puts both in
place, --remove takes both away. With --root the system mounted there is
prepared instead. With --keep it is about a boot that is packed: a timer
brings back once a week what upgrades took out of the run, in idle time and
within a limit of bytes written.
Exit codes: 0 all done, 3 something is left to do by hand, 5 refused.`
  static override examples = [
    '<%= config.bin %> collect setup',
    '<%= config.bin %> collect setup --apply',
    '<%= config.bin %> collect setup --remove',
    '<%= config.bin %> collect setup --keep --trace /var/lib/bootpack/profile.trace.gz --apply',
    '<%= config.bin %> collect setup --root /mnt --program /usr/bin/bootpack',
  ]
  static override flags = {
    apply: Flags.boolean({ description: 'put it in place', exclusive: ['remove'] }),
    remove: Flags.boolean({ description: 'take it away; with --keep, only what --keep did' }),
    keep: Flags.boolean({ description: 'keep a packed boot packed, instead of recording', exclusive: ['inodes'] }),
    trace: Flags.string({
      description: 'with --keep: the profile to keep packed',
      default: '/var/lib/bootpack/profile.trace.gz',
      helpValue: 'FILE',
    }),
    plan: Flags.string({
      description: 'with --keep: the plan that packed it; replaced by each mending',
      helpValue: 'PLAN',
      dependsOn: ['keep'],
    }),
    target: Flags.string({ description: 'with --keep: the mounted filesystem', default: '/', helpValue: 'DIR' }),
    'max-bytes': Flags.string({
      description: 'with --keep: write no more than this at a time',
      default: '64M',
      helpValue: 'BYTES',
    }),
    root: Flags.string({ description: 'root folder of the system to prepare', default: '/', helpValue: 'DIR' }),
    program: Flags.string({
      description:
        'how that system starts bootpack: words with blanks between (default: this program; with --root /usr/bin/bootpack)',
      helpValue: 'WORDS',
    }),
    events: Flags.integer({
      description: 'pages a boot is expected to read; with the memory it decides the size of the buffer',
      default: 262_144,
      min: 1,
      max: 1 << 28,
      helpValue: 'N',
    }),
    inodes: Flags.boolean({
      description: 'also record which inodes a boot loads, for pack --inodes; kernels with kprobes, 5.3 and later',
    }),
    buffer: Flags.integer({
      description: 'MiB of the buffer per processor, instead of what --events asks for',
      min: 1,
      max: 4096,
      helpValue: 'MIB',
    }),
  }

  async run(): Promise<SetupReport | KeepReport> {
    const { flags } = await this.parse(CollectSetupCommand)
    // What is begun is finished, whatever key is pressed.
    if (flags.apply || flags.remove) this.abortable()
    const report = flags.keep ? await this.keep(flags) : await this.record(flags)
    this.end(report.action !== 'show' && !report.complete ? exitCode.partial : exitCode.done)
    return report
  }

  private async record(flags: SetupFlags): Promise<SetupReport> {
    const [{ runSetup }, { setupText }] = await Promise.all([
      import('../../collect/setup/run-setup.js'),
      import('../../cli/render/setup-text.js'),
    ])
    const { events, buffer, inodes } = flags
    const report = runSetup({ ...this.common(flags), events, inodes, ...(buffer !== undefined && { buffer }) })
    this.log(setupText(report))
    return report
  }

  private async keep(flags: SetupFlags): Promise<KeepReport> {
    const [{ runKeeping }, { keepingText }] = await Promise.all([
      import('../../collect/setup/run-keeping.js'),
      import('../../cli/render/setup-text.js'),
    ])
    const { target, trace, plan, 'max-bytes': maxBytes } = flags
    parseBytes(maxBytes)
    const report = runKeeping({
      ...this.common(flags),
      job: { target, trace, maxBytes, ...(plan !== undefined && { plan }) },
    })
    this.log(keepingText(report))
    return report
  }

  private common({
    apply,
    remove,
    root,
    program,
  }: SetupFlags): Pick<SetupRequest, 'action' | 'root' | 'self' | 'program'> {
    return {
      action: remove ? 'remove' : apply ? 'apply' : 'show',
      root,
      self: [process.execPath, `${this.config.root}/bin/bootpack.js`],
      ...(program !== undefined && { program: program.split(/\s+/).filter((word) => word !== '') }),
    }
  }
}
