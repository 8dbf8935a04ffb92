import { Args, Flags } from '@oclif/core'
import { BootpackCommand } from 'bootpack/cli'
import { bootFlags } from '../../cli/boot-flags.js'
import type { BootRun, Conditions, ImageRuns } from '../../cli/boot-report.js'

export interface VmBoot extends ImageRuns, Conditions {
  readonly traces: readonly string[]
}

export default class VmBootCommand extends BootpackCommand {
  static override summary = 'Boot an image in a virtual machine and record every block it reads.'
  static override description = `The machine reads from a simulated disk: a hard disk with one head unless
--disk says otherwise. The image is never written: what the machine writes
stays in memory, and each boot starts from the same state. Kernel and
initial ramdisk come from the image. Nothing is installed in the guest.

Each block read is given to the file, directory or table it belongs to, so
that the trace can be used after the layout has changed: bootpack pack IMAGE
--trace OUT.`
  static override examples = [
    '<%= config.bin %> vm boot disk.img --trace boot.trace',
    '<%= config.bin %> vm boot disk.img --scale 5 --linger 20 --trace boot.trace',
    '<%= config.bin %> vm boot disk.img --kernel bzImage --append "root=/dev/vda rw" --until 60 --runs 3 --json',
  ]
  static override args = {
    image: Args.string({ description: 'disk image, or unmounted block device', required: true }),
  }
  static override flags = {
    ...bootFlags,
    trace: Flags.string({
      description: 'write what was read as a trace; with several boots .1, .2, … are put before the ending',
      helpValue: 'OUT',
    }),
    requests: Flags.string({
      description: 'write every request at the disk, a line each; numbered like traces',
      helpValue: 'OUT',
    }),
    console: Flags.string({
      description: 'write what the machine says on its serial ports; numbered like traces',
      helpValue: 'OUT',
    }),
    linger: Flags.integer({
      description: 'seconds the recording goes on after that, for services that come later',
      default: 0,
      min: 0,
      max: 86_400,
      helpValue: 'SECONDS',
    }),
  }

  async run(): Promise<VmBoot> {
    const { args, flags } = await this.parse(VmBootCommand)
    const [
      { bootSeries },
      { parseUntil },
      { bootRun, busyHostText, conditionsText, imageRuns, runsTable },
      { BootProgress },
      { interruption },
      { OutputFiles },
    ] = await Promise.all([
      import('../../machine/series.js'),
      import('../../machine/until.js'),
      import('../../cli/boot-report.js'),
      import('../../cli/boot-progress.js'),
      import('../../cli/signal.js'),
      import('../../cli/output-files.js'),
    ])
    const { runs, accelerator: choice, ...choices } = flags
    const progress = new BootProgress(this.live)
    const output = new OutputFiles(flags, runs)
    await output.need()
    const results: BootRun[] = []
    try {
      const { accelerator, kernels } = await bootSeries([args.image], choices, {
        runs,
        choice,
        until: parseUntil(flags.until),
        linger: flags.linger,
        timeout: flags.timeout,
        signal: interruption(),
        onProgress: (_image, run, seconds, reads) => progress.update(`boot ${run + 1} of ${runs}`, seconds, reads),
        onConsole: (_image, run, bytes) => output.console(run, bytes),
        onResult: async (machine, _image, run, result) => {
          results.push(bootRun(result))
          await output.write(machine, run, result)
        },
      })
      progress.end()
      const conditions = { disk: flags.disk, scale: flags.scale, until: flags.until, accelerator }
      const booted = imageRuns(args.image, kernels[0]!, results)
      this.log(`${conditionsText(conditions)}\n\n${runsTable(booted)}`)
      const busy = busyHostText([booted])
      if (busy !== undefined) this.log(`\n${busy}`)
      if (output.traces.length > 0) this.log(`\nTrace written to ${output.traces.join(', ')}.`)
      if (output.unnamed !== undefined) {
        process.stderr.write(
          `The trace holds blocks instead of files, and is good for this layout only: ${output.unnamed}\n`,
        )
      }
      return { ...booted, ...conditions, traces: output.traces }
    } finally {
      progress.end()
      output.close()
    }
  }
}
