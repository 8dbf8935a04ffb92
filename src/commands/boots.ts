import { Flags } from '@oclif/core'
import { BootpackCommand } from '../cli/session/base-command.js'
import type { BootComparison } from '../boots/comparison.js'
import type { BootFigures } from '../boots/figures.js'

interface BootsReport {
  /** The oldest first. */
  readonly boots: readonly BootFigures[]
  readonly comparison?: BootComparison
}

export default class BootsCommand extends BootpackCommand {
  static override summary = 'Show how long the boots of this machine took, and whether they have become faster.'
  static override description = `Every recorded boot (collect setup) is in the table: how long its parts took
as systemd tells, and what it asked of the disk. A difference is told only
when it can be no accident: three boots at least of the layout as it was and
as it is, and an exact rank test (docs/boots.md).`
  static override examples = ['<%= config.bin %> boots', '<%= config.bin %> boots --last 5 --json']
  static override flags = {
    last: Flags.integer({ description: 'show only the last so many; all are compared', min: 1, helpValue: 'N' }),
    note: Flags.boolean({
      description:
        'first keep the figures of the boot this machine is in, which was not recorded; without those of the disk',
    }),
    root: Flags.string({
      description: 'root folder of the system whose boots are shown',
      default: '/',
      helpValue: 'DIR',
      exclusive: ['note'],
    }),
  }

  async run(): Promise<BootsReport> {
    const { flags } = await this.parse(BootsCommand)
    const [{ PinnedRoot }, { readNotes }, { compareBoots }, { bootsText }] = await Promise.all([
      import('../collect/setup/pinned-root.js'),
      import('../boots/notes.js'),
      import('../boots/comparison.js'),
      import('../cli/render/boots-text.js'),
    ])
    if (flags.note) {
      this.abortable()
      ;(await import('../boots/note-boot.js')).noteBoot()
    }
    const root = PinnedRoot.open(flags.root)
    try {
      const boots = readNotes(root)
      const comparison = compareBoots(boots)
      this.log(
        boots.length === 0
          ? 'No boot was recorded yet. Have the next ones recorded with: bootpack collect setup --apply'
          : bootsText(boots.slice(-(flags.last ?? boots.length)), comparison),
      )
      return { boots, ...(comparison && { comparison }) }
    } finally {
      root.close()
    }
  }
}
