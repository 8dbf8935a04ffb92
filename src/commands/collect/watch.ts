import { Args, Flags } from '@oclif/core'
import { BootpackCommand, exitCode } from '../../cli/session/base-command.js'
import type { WrittenTrace } from '../../cli/args/collected-traces.js'
import type { StopReason } from '../../collect/stop-moment.js'
import type { CommandEnd } from '../../collect/watched-command.js'

interface WatchReport {
  readonly method: string
  readonly stopped: StopReason
  readonly seconds: number
  readonly lost: number
  readonly ignored: Readonly<Record<string, number>>
  readonly traces: readonly WrittenTrace[]
  readonly command?: CommandEnd
}

export default class CollectWatchCommand extends BootpackCommand {
  static override summary = 'Record what is read from the disks while a command runs, or for a time.'
  static override description = `Records the whole machine until the command ends, --seconds are over, the
disks are --quiet-for so long, or Ctrl-C. Each filesystem that was read gets
a trace. Only reads that reach the disk are seen: what is in memory already
is not read.

tracefs tells which pages of which files, and directories and inode tables
too; fanotify, where tracefs is not to be had, which files. mincore looks,
at the end, at what is in memory: without any recording, but also without
order.

With a command the exit code is the command's own. Otherwise 3 when events
were lost.`
  static override examples = [
    '<%= config.bin %> collect watch -o start.trace -- ls -R /usr/share',
    '<%= config.bin %> collect watch --seconds 5 -o machine.trace.gz',
    '<%= config.bin %> collect watch --method mincore --target /usr/bin -o cached.trace',
  ]
  static override strict = false
  static override args = { command: Args.string({ description: 'a command and its arguments, after --' }) }
  static override flags = {
    output: Flags.string({
      char: 'o',
      description: 'the trace to write; gzipped when it ends in .gz; - for standard output',
      helpValue: 'OUT',
      required: true,
    }),
    target: Flags.string({
      description: 'only the filesystem this lies on (mincore: only this folder); may be given several times',
      helpValue: 'DIR',
      multiple: true,
    }),
    method: Flags.option({
      description: 'how to record; tracefs if possible, else fanotify',
      options: ['tracefs', 'fanotify', 'mincore'] as const,
    })(),
    seconds: Flags.integer({ description: 'stop after so long', min: 0, helpValue: 'N' }),
    'quiet-for': Flags.integer({
      description: 'stop when no disk was read for so many seconds',
      min: 1,
      helpValue: 'N',
    }),
    buffer: Flags.integer({
      description: "KiB of the kernel's buffer per processor",
      default: 4096,
      min: 1,
      max: 1 << 20,
      helpValue: 'KIB',
    }),
  }

  async run(): Promise<WatchReport> {
    const { argv, flags } = await this.parse(CollectWatchCommand)
    this.needOneOutput(flags.output)
    const [{ recordWatch }, { currentMounts, needOutputFolder, writeRecording, writtenText }] = await Promise.all([
      import('../../collect/record-watch.js'),
      import('../../cli/args/collected-traces.js'),
    ])
    const { method, target, seconds, buffer } = flags
    const quiet = flags['quiet-for']
    const warn = (sentence: string): void => {
      process.stderr.write(`${sentence}\n`)
    }
    const words = argv as string[]
    needOutputFolder(flags.output)
    this.abortable()
    const endless = words.length === 0 && seconds === undefined && quiet === undefined && method !== 'mincore'
    if (endless && !flags.quiet) warn('Recording until Ctrl-C.')
    const begun = performance.now()
    // The terminal belongs to the command while one runs.
    const progress = words.length === 0 ? this.progress('Recording') : undefined
    const tick =
      seconds === undefined
        ? undefined
        : setInterval(() => progress?.update(performance.now() - begun, seconds * 1000), 250).unref()
    const { recording, devices, stopped, command } = await recordWatch({
      mounts: currentMounts(),
      bufferKiB: buffer,
      command: words,
      warn,
      signal: this.signal,
      keepStdout: this.jsonEnabled() || flags.output === '-',
      ...(method !== undefined && { method }),
      ...(target !== undefined && { targets: target }),
      ...(seconds !== undefined && { atMostMs: seconds * 1000 }),
      ...(quiet !== undefined && { quietMs: quiet * 1000 }),
    })
    const took = (performance.now() - begun) / 1000
    clearInterval(tick)
    progress?.end()
    const { source, lost, ignored } = recording
    const traces = await writeRecording(recording, {
      output: flags.output,
      warn,
      ...(devices && { only: devices }),
      header: {
        stopped,
        ...(source === 'mincore' && { order: 'unknown' }),
        ...(words.length > 0 && { command: words }),
      },
    })
    const text = writtenText(traces, recording)
    if (flags.output === '-') process.stderr.write(`${text}\n`)
    else this.log(text)
    const end = await command
    this.end(
      stopped === 'interrupted' && !endless
        ? exitCode.interrupted
        : (end?.exitCode ?? (lost > 0 ? exitCode.partial : exitCode.done)),
    )
    return { method: source, stopped, seconds: took, lost, ignored, traces, ...(end && { command: end }) }
  }
}
