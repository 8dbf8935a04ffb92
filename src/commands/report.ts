import { Args, Flags } from '@oclif/core'
import { BootpackCommand } from '../cli/session/base-command.js'
import { anyTraceFlag, formatFlag, partitionFlag, traceFlag } from '../cli/args/flags.js'
import { usageError } from '../errors.js'
import type { ReportData, ReportInput } from '../report/report-data.js'
import type { Volume } from '../volume/volume.js'
import type { Trace } from '../trace/model/trace.js'

interface Sides {
  readonly before: string | undefined
  readonly after: string
}

export default class ReportCommand extends BootpackCommand {
  static override summary = 'Write an HTML page that shows where a boot reads, before and after packing.'
  static override description = `One file with everything in it; it loads nothing (docs/report.md).

With a target alone it shows the layout as it is. With --plan, also what
the plan will make of it, or, once it was applied, what there was before.
With --before, the target now beside a copy from before.
pack --report writes the same page while it packs.`
  static override examples = [
    '<%= config.bin %> report disk.img --trace boot.trace -o boot.html',
    '<%= config.bin %> report disk.img --trace boot.trace --plan disk.plan -o boot.html',
    '<%= config.bin %> report --before old.img --after disk.img -t boot.trace -o boot.html',
  ]
  static override args = {
    target: Args.string({
      description: 'mount point, path on a mounted filesystem, unmounted block device, or image file',
    }),
  }
  static override flags = {
    trace: traceFlag,
    format: formatFlag,
    'any-trace': anyTraceFlag,
    partition: partitionFlag,
    before: Flags.string({ description: 'a copy from before, on which the trace was recorded', helpValue: 'TARGET' }),
    after: Flags.string({
      description: 'the filesystem now; the same as naming it without a flag',
      helpValue: 'TARGET',
    }),
    plan: Flags.string({ description: 'the plan for this filesystem, applied or not', helpValue: 'PLAN' }),
    output: Flags.string({
      char: 'o',
      description: 'write the page to this file; - for standard output',
      helpValue: 'FILE',
    }),
  }

  async run(): Promise<ReportData> {
    const { args, flags } = await this.parse(ReportCommand)
    const sides = sidesOf(args.target, flags.before, flags.after)
    if (flags.output === undefined && !this.jsonEnabled()) {
      throw usageError(
        'no-output',
        'There is no file to write the page to.',
        'Name one with -o, such as -o boot.html; --json prints the data instead.',
      )
    }
    if (flags.output === '-' && this.jsonEnabled())
      throw usageError(
        'two-outputs',
        'The page and the data cannot both go to standard output.',
        'Name a file with -o, or leave out --json.',
      )
    const [{ loadTrace }, { reportData }, { traceFacts }, { needOutputs }] = await Promise.all([
      import('../cli/args/load-trace.js'),
      import('../report/report-data.js'),
      import('../cli/render/report-page.js'),
      import('../cli/args/outputs.js'),
    ])
    await needOutputs(
      [{ path: flags.output, kind: 'page' }],
      [flags.trace, flags.plan, args.target, flags.before, flags.after],
    )
    const progress = this.progress('Reading the trace')
    const trace = await loadTrace(flags.trace, flags.format)
    progress.step('Looking where it lies')
    const views = await this.views(sides, trace, flags)
    progress.step('Drawing')
    const report = reportData({ target: sides.after, trace: traceFacts(flags.trace, trace), ...views })
    if (flags.output !== undefined) {
      const [{ writeReportPage }, { headline }, { escapePath }] = await Promise.all([
        import('../cli/render/report-page.js'),
        import('../report/html/headline.js'),
        import('../text/escape-path.js'),
      ])
      await writeReportPage(flags.output, report)
      progress.end()
      if (flags.output !== '-') this.log(`${headline(report)}\nWritten to ${escapePath(flags.output)}.`)
    }
    progress.end()
    return report
  }

  private async views(
    { before, after }: Sides,
    trace: Trace,
    flags: {
      readonly plan?: string | undefined
      readonly partition?: number | undefined
      readonly 'any-trace': boolean
    },
  ): Promise<Omit<ReportInput, 'target' | 'trace'>> {
    const [{ openTarget }, { fittingTrace }, { viewNow, viewsOfPlan, viewsOfTwo }, { readPlanFile }] =
      await Promise.all([
        import('../cli/session/open-target.js'),
        import('../cli/args/load-trace.js'),
        import('../pack/boot-views.js'),
        import('../cli/args/plan-files.js'),
      ])
    const plan = flags.plan === undefined ? undefined : await readPlanFile(flags.plan)
    const partition = flags.partition ?? plan?.volume.partition
    const fitting = (volume: Volume): ReturnType<typeof fittingTrace> =>
      fittingTrace(trace, volume, flags['any-trace'], (sentence) => this.note(sentence))
    const volume = await openTarget(after, { write: false, partition }, this.config)
    try {
      if (before !== undefined) {
        const first = await openTarget(before, { write: false, partition }, this.config)
        try {
          const { reads, fit } = fitting(first)
          const { leftOut, ...views } = await viewsOfTwo(first, volume, reads, fit)
          return { kind: 'compared', other: before, leftOut, ...views, ...(plan && { plan }) }
        } finally {
          await first.close()
        }
      }
      const { reads, fit } = fitting(volume)
      if (!plan) return { kind: 'now', before: await viewNow(volume, reads, fit) }
      const { applied, before: was, after: is, placedBlocks, totalBlocks } = await viewsOfPlan(plan, volume, reads, fit)
      return {
        kind: applied ? 'applied' : 'predicted',
        before: was,
        after: is,
        plan,
        placed: { placedBlocks, totalBlocks },
      }
    } finally {
      await volume.close()
    }
  }
}

function sidesOf(target: string | undefined, before: string | undefined, after: string | undefined): Sides {
  if (target !== undefined && after !== undefined)
    throw usageError('two-targets', 'The target is given twice: by itself and with --after.', 'Leave one of them out.')
  const now = target ?? after
  if (now === undefined)
    throw usageError(
      'no-target',
      'There is no target to look at.',
      'Name an image file, a block device or a mounted filesystem.',
    )
  return { before, after: now }
}
