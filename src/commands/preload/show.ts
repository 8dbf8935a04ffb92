import { Flags } from '@oclif/core'
import { BootpackCommand } from '../../cli/session/base-command.js'
import { anyTraceFlag, formatFlag, partitionFlag, targetArgument } from '../../cli/args/flags.js'
import { sweepFlags, sweepOptions } from '../../cli/args/preload-flags.js'
import type { SweepSummary } from '../../cli/render/preload-text.js'
import { refused } from '../../errors.js'
import type { FormName } from '../../preload/install-targets.js'
import type { ListedFile, PreloadList } from '../../preload/list-text.js'
import type { ListState } from '../../provision/list-freshness.js'
import { escapePath } from '../../text/escape-path.js'

interface ShownList {
  /** In units of 32 KiB of the device. */
  readonly ranges: PreloadList['ranges']
  readonly files: readonly ListedFile[]
}

export interface PreloadShow {
  readonly installed?: { readonly forms: readonly FormName[]; readonly list?: ShownList; readonly state?: ListState }
  /** With a trace: what would be installed now. */
  readonly planned?: SweepSummary & { readonly list: ShownList }
}

export default class PreloadShowCommand extends BootpackCommand {
  static override summary = 'Show what is read in advance, and whether that is still true of the layout.'
  static override description = `Without a trace, shows what is installed and looks whether its files still
lie where they lay. With one, also shows what an installation would read
now, and what a disk model makes of it. Reads only; an image is not mounted
for it.`
  static override examples = [
    '<%= config.bin %> preload show /',
    '<%= config.bin %> preload show disk.img --trace boot.trace',
    '<%= config.bin %> preload show disk.img --trace boot.trace --list --json',
  ]
  static override args = { target: targetArgument }
  static override flags = {
    trace: Flags.string({
      char: 't',
      description: 'boot trace, or a list of paths in read order; - for standard input',
      helpValue: 'FILE',
    }),
    format: formatFlag,
    'any-trace': anyTraceFlag,
    partition: partitionFlag,
    list: Flags.boolean({ description: 'every range and file' }),
    ...sweepFlags,
  }

  async run(): Promise<PreloadShow> {
    const { args, flags } = await this.parse(PreloadShowCommand)
    const [
      { openTarget },
      { fittingTrace, loadTrace },
      { buildSweep },
      { listOf, parseList },
      { findInstalled },
      { checkList },
      { sweepCost },
      { listSummary, stateText, summarise, sweepText },
    ] = await Promise.all([
      import('../../cli/session/open-target.js'),
      import('../../cli/args/load-trace.js'),
      import('../../provision/build-sweep.js'),
      import('../../preload/list-text.js'),
      import('../../provision/installed.js'),
      import('../../provision/list-freshness.js'),
      import('../../preload/cost.js'),
      import('../../cli/render/preload-text.js'),
    ])
    const options = sweepOptions(flags)
    const trace = flags.trace === undefined ? undefined : await loadTrace(flags.trace, flags.format)
    const volume = await openTarget(args.target, { write: false, partition: flags.partition }, this.config)
    try {
      const { forms, list: listed } = await findInstalled(volume)
      const list = listed === undefined ? undefined : parseList(listed)
      if (!trace && !list && forms.length === 0)
        throw refused(
          'nothing-installed',
          'Nothing is installed there to be read in advance.',
          'Install it, or give --trace to see what would be.',
        )
      const fitting = trace && fittingTrace(trace, volume, flags['any-trace'], (sentence) => this.note(sentence))
      const built = fitting && (await buildSweep(fitting.reads, volume, options, fitting.fit))
      const plannedList = built && listOf(built.sweep, volume.geometry().uuid)
      const state = list && (await checkList(list, volume, plannedList))
      const summary =
        built && summarise(built.sweep, sweepCost(built.sweep, built.boot, volume.geometry(), options.model))
      if (list && state) {
        this.log(
          `installed ${forms.length === 0 ? 'the list, and nothing that reads it' : forms.join(' and ')}: ${listSummary(list)}\n${stateText(state)}`,
        )
      } else {
        this.log(
          forms.length > 0
            ? `installed ${forms.join(' and ')}, but there is no list: nothing is read at boot`
            : 'installed nothing',
        )
      }
      if (summary) this.log(`\nAn installation made now would read\n${sweepText(summary)}`)
      if (flags.list) this.log(`\n${listLines(plannedList ?? list)}`)
      return {
        ...((list || forms.length > 0) && {
          installed: { forms, ...(list && { list: shownList(list) }), ...(state && { state }) },
        }),
        ...(summary && plannedList && { planned: { ...summary, list: shownList(plannedList) } }),
      }
    } finally {
      await volume.close()
    }
  }
}

const shownList = ({ ranges, files }: PreloadList): ShownList => ({ ranges, files })

function listLines(list: PreloadList | undefined): string {
  if (!list) return ''
  const unit = 32
  return [
    ...list.ranges.map(
      ({ skip, count }) => `device  ${String(skip * unit).padStart(10)} KiB  ${String(count * unit).padStart(8)} KiB`,
    ),
    ...list.files.map(
      ({ path, first, kib, part }) =>
        `file    block ${String(first).padStart(9)}  ${String(kib).padStart(8)} KiB  ${escapePath(path)}${part ? ` from ${part.skip * 4} KiB` : ''}`,
    ),
  ].join('\n')
}
