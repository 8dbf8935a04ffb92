import { Args } from '@oclif/core'
import { BootpackCommand } from 'bootpack/cli'
import { bootFlags } from '../../cli/boot-flags.js'
import type { BootRun, Conditions, ImageRuns } from '../../cli/boot-report.js'

export interface VmCompare extends Conditions {
  readonly a: ImageRuns
  readonly b: ImageRuns
  /** Seconds of A over seconds of B, medians. */
  readonly speedup: number
}

export default class VmCompareCommand extends BootpackCommand {
  static override summary = 'Boot two images in turn on a simulated disk and compare them.'
  static override description = `Boots A, B, A, B … under the same conditions and prints times, requests,
seek distance and positioning side by side, as medians. Neither image is
written.`
  static override examples = [
    '<%= config.bin %> vm compare before.img after.img --scale 5 --runs 3',
    '<%= config.bin %> vm compare before.img after.img --disk lazy --until DONE --json',
  ]
  static override args = {
    a: Args.string({ description: 'disk image, or unmounted block device', required: true }),
    b: Args.string({ description: 'the one to compare with it', required: true }),
  }
  static override flags = bootFlags

  async run(): Promise<VmCompare> {
    const { args, flags } = await this.parse(VmCompareCommand)
    const [
      { bootSeries },
      { parseUntil },
      { bootRun, busyHostText, comparisonTable, conditionsText, imageRuns },
      { BootProgress },
      { interruption },
    ] = await Promise.all([
      import('../../machine/series.js'),
      import('../../machine/until.js'),
      import('../../cli/boot-report.js'),
      import('../../cli/boot-progress.js'),
      import('../../cli/signal.js'),
    ])
    const { runs, accelerator: choice, ...choices } = flags
    const progress = new BootProgress(this.live)
    const results: [BootRun[], BootRun[]] = [[], []]
    const images = [args.a, args.b]
    try {
      const { accelerator, kernels } = await bootSeries(images, choices, {
        runs,
        choice,
        until: parseUntil(flags.until),
        linger: 0,
        timeout: flags.timeout,
        signal: interruption(),
        onProgress: (image, run, seconds, reads) =>
          progress.update(`${image === 0 ? 'A' : 'B'}, boot ${run + 1} of ${runs}`, seconds, reads),
        onResult: async (_machine, image, _run, result) => {
          results[image]!.push(bootRun(result))
        },
      })
      progress.end()
      const conditions = { disk: flags.disk, scale: flags.scale, until: flags.until, accelerator }
      const [a, b] = [imageRuns(args.a, kernels[0]!, results[0]), imageRuns(args.b, kernels[1]!, results[1])]
      this.log(`A        ${args.a}\nB        ${args.b}\n${conditionsText(conditions)}\n\n${comparisonTable(a, b)}`)
      const busy = busyHostText([a, b])
      if (busy !== undefined) this.log(`\n${busy}`)
      return { a, b, speedup: a.median.seconds / b.median.seconds, ...conditions }
    } finally {
      progress.end()
    }
  }
}
