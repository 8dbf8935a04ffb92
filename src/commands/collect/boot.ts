import { Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../../cli/session/base-command.js'
import type { DiskUse } from '../../boots/figures.js'
import type { WrittenTrace } from '../../cli/args/collected-traces.js'
import type { StopReason } from '../../collect/stop-moment.js'
import { BootpackError } from '../../errors.js'
import { escapePath } from '../../text/escape-path.js'

interface BootReport {
  readonly stopped: StopReason
  /** Events the kernel held, and bytes of them. */
  readonly events: number
  readonly eventBytes: number
  readonly lost: number
  readonly ignored: Readonly<Record<string, number>>
  readonly traces: readonly WrittenTrace[]
  /** Traces of older boots that were removed. */
  readonly removed: readonly string[]
}

export default class CollectBootCommand extends BootpackCommand {
  static override summary = 'Write down what the kernel recorded of this boot.'
  static override description = `For a boot prepared by collect setup, which also has this run by itself.
Waits until the boot is over and the disks are quiet, writes a trace of each
filesystem that was read, then switches the recording off and gives its
memory back. How long the boot took is kept, too, for bootpack boots.
Exit codes: 0 all done, 3 events were lost, 5 the kernel recorded nothing.`
  static override examples = ['<%= config.bin %> collect boot', '<%= config.bin %> collect boot --now -o boot.trace.gz']
  static override flags = {
    output: Flags.string({
      char: 'o',
      description: 'the trace to write (default: a new one below /var/lib/bootpack); gzipped when it ends in .gz',
      helpValue: 'OUT',
    }),
    target: Flags.string({
      description: 'only the filesystem this lies on; may be given several times',
      helpValue: 'DIR',
      multiple: true,
    }),
    unit: Flags.string({
      description: 'the boot is over when systemd has reached this unit',
      default: 'default.target',
      helpValue: 'UNIT',
    }),
    'quiet-for': Flags.integer({
      description: 'then wait until no disk was read for so many seconds',
      default: 5,
      min: 1,
      helpValue: 'N',
    }),
    'at-most': Flags.integer({
      description: 'wait no longer than so many seconds',
      default: 120,
      min: 0,
      helpValue: 'N',
    }),
    now: Flags.boolean({ description: 'do not wait' }),
    instance: Flags.string({
      description: 'trace instance made by trace_instance= on the command line',
      helpValue: 'NAME',
    }),
    keep: Flags.integer({
      description: 'below /var/lib/bootpack, keep the traces of so many boots; 0 for all',
      default: 10,
      min: 0,
      helpValue: 'N',
    }),
  }

  async run(): Promise<BootReport> {
    const { flags } = await this.parse(CollectBootCommand)
    if (flags.output !== undefined) this.needOneOutput(flags.output)
    const [
      { recordBoot },
      { mountOf },
      { bootTraceName, makeTracesFolder, removeOldTraces, tracesFolder },
      { currentMounts, needOutputFolder, writeRecording, writtenText },
      { BootMeter },
      { uptime },
    ] = await Promise.all([
      import('../../collect/record-boot.js'),
      import('../../collect/mounts.js'),
      import('../../collect/boot-traces.js'),
      import('../../cli/args/collected-traces.js'),
      import('../../boots/boot-meter.js'),
      import('node:os'),
    ])
    const { target, instance, unit } = flags
    this.abortable()
    const mounts = currentMounts()
    const warn = (sentence: string): void => {
      process.stderr.write(`${sentence}\n`)
    }
    const meter = new BootMeter()
    const only = target && new Set(target.map((path) => mountOf(path, mounts).device))
    const recording = await recordBoot({
      unit,
      quietMs: flags.now ? 0 : flags['quiet-for'] * 1000,
      atMostMs: flags['at-most'] * 1000,
      signal: this.signal,
      opened: () => {
        if (flags.output === undefined) makeTracesFolder()
        else needOutputFolder(flags.output)
        if (!flags.now && !flags.quiet)
          warn(
            `Waiting until ${escapePath(unit)} is reached and the disks are quiet for ${flags['quiet-for']} s, at most ${flags['at-most']} s.`,
          )
      },
      over: meter.over,
      ...(instance !== undefined && { instance }),
      ...(only && { devices: only }),
    })
    const started = new Date(Date.now() - uptime() * 1000)
    const { stopped, events, eventBytes, lost, ignored } = recording
    const traces = await writeRecording(recording, {
      output: flags.output ?? `${tracesFolder}/${bootTraceName(started)}`,
      main: target?.[0] === undefined ? '/' : mountOf(target[0], mounts).mountPoint,
      ...(only && { only }),
      header: { stopped, started: started.toISOString() },
      warn,
    })
    if (flags.output === undefined) await this.keepFigures(traces[0]?.file, meter.use)
    const removed = flags.output === undefined && flags.keep > 0 ? removeOldTraces(flags.keep) : []
    const text = [
      writtenText(traces, recording),
      ...(lost > 0 ? ['Give the kernel a larger buffer: bootpack collect setup --apply --events N'] : []),
      ...removed.map((name) => `${tracesFolder}/${name} was removed (--keep ${flags.keep})`),
    ].join('\n')
    if (flags.output === '-') process.stderr.write(`${text}\n`)
    else this.log(text)
    this.end(stopped === 'interrupted' ? exitCode.interrupted : lost > 0 ? exitCode.partial : exitCode.done)
    return { stopped, events, eventBytes, lost, ignored, traces, removed }
  }

  /** For `bootpack boots`. A recording is worth more than its figures: without them it is whole all the same. */
  private async keepFigures(trace: string | undefined, disk: DiskUse | undefined): Promise<void> {
    const { noteBoot } = await import('../../boots/note-boot.js')
    try {
      noteBoot({ ...(trace !== undefined && { trace }), ...(disk && { disk }) })
    } catch (error) {
      if (!(error instanceof BootpackError)) throw error
      this.note(`The figures of this boot were not kept: ${error.message}`)
    }
  }
}
