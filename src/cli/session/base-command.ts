import { Command, Flags, type Interfaces } from '@oclif/core'
import { BootpackError, exitCode, usageError } from '../../errors.js'
import { escapePath } from '../../text/escape-path.js'
import { abortWhenInterrupted, endWhenInterrupted } from './interruption.js'
import { jsonText } from '../../text/json-text.js'
import { Progress } from './progress.js'
import { slipOf } from './usage-error.js'
import { errorJson, tellError } from '../render/tell-error.js'

export type Flagged = Record<string, unknown>

/**
 * What every command shares: --json, --quiet and --verbose; errors as two sentences
 * (what is wrong, what to do) with the exit code of their family; progress; and an
 * abort signal that Ctrl-C or a polite kill raises, so that what was begun is finished
 * first. A command that changes nothing needs none: it ends at once and says so.
 */
export abstract class BootpackCommand extends Command {
  static override enableJsonFlag = true

  static override baseFlags = {
    quiet: Flags.boolean({ description: 'print nothing but errors', helpGroup: 'GLOBAL', exclusive: ['verbose'] }),
    verbose: Flags.boolean({ description: 'tell every step and how long it took, on stderr', helpGroup: 'GLOBAL' }),
  }

  private quiet = false
  private verbose = false
  private endAtOnce: (() => void) | undefined
  private running: Progress | undefined
  private readonly aborter = new AbortController()

  /** Raised by SIGINT and SIGTERM once `abortable` was called. */
  protected get signal(): AbortSignal {
    return this.aborter.signal
  }

  /**
   * From here on the first signal asks for an orderly stop; the second ends the process.
   * Every command that changes something calls this before it does: without it a signal
   * ends the process at once, and says that nothing was changed.
   */
  protected abortable(): void {
    this.endAtOnce?.()
    if (this.endAtOnce) abortWhenInterrupted(this.aborter)
    this.endAtOnce = undefined
  }

  /** Whether a line that is written over may be shown on stderr. */
  protected get live(): boolean {
    return process.stderr.isTTY && !this.quiet && !this.verbose
  }

  /** Shows what is being done, as --quiet and --verbose allow. An error ends it too. */
  protected progress(title: string): Progress {
    this.running = new Progress(title, { live: this.live, verbose: this.verbose })
    return this.running
  }

  protected override async init(): Promise<void> {
    await super.init()
    this.endAtOnce = endWhenInterrupted()
  }

  /** Results are for people who want them; programs ask with --json. */
  override log(message = '', ...more: unknown[]): void {
    if (this.quiet) return
    this.running?.clear()
    super.log(message, ...more)
  }

  /** What somebody should know who looks at the result; on stderr, so that results stay what they are. */
  protected note(sentence: string): void {
    if (this.quiet) return
    this.running?.clear()
    process.stderr.write(`${sentence}\n`)
  }

  protected override async parse<F extends Flagged, B extends Flagged, A extends Flagged>(
    options?: Interfaces.Input<F, B, A>,
    argv?: string[],
  ): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse(options, argv)
    const { quiet, verbose } = parsed.flags as { quiet?: boolean; verbose?: boolean }
    this.quiet = quiet ?? false
    this.verbose = verbose ?? false
    return parsed
  }

  /** @throws usage when both what is written and the JSON would go to standard output */
  protected needOneOutput(output: string): void {
    if (output === '-' && this.jsonEnabled())
      throw usageError(
        'two-outputs',
        'The trace and the JSON cannot both go to standard output.',
        'Name a file with -o, or leave out --json.',
      )
  }

  /** Ends with a code other than 0 without calling it an error. */
  protected end(code: number): void {
    process.exitCode = code
  }

  /** The command as a person writes it. */
  private get written(): string {
    return [this.config.bin, ...(this.id ?? '').split(':')].join(' ')
  }

  override logJson(json: unknown): void {
    process.stdout.write(`${jsonText(json)}\n`)
  }

  protected override async catch(thrown: Error): Promise<void> {
    this.running?.end()
    // Who reads has seen enough, as `| head` has.
    if ((thrown as NodeJS.ErrnoException).code === 'EPIPE' && (thrown as NodeJS.ErrnoException).syscall === 'write')
      return
    const error =
      thrown instanceof BootpackError
        ? thrown
        : slipOf(thrown, this.written, Object.keys({ ...this.ctor.baseFlags, ...this.ctor.flags }))
    if (!error) {
      // What oclif says repeats words of the command line, and those may be names that a shell found.
      for (const word of this.argv) thrown.message = thrown.message.replaceAll(word, escapePath(word))
      return super.catch(thrown)
    }
    process.exitCode = error.exitCode
    if (this.jsonEnabled()) process.stdout.write(`${errorJson(error)}\n`)
    else tellError(error)
  }
}

export { exitCode }
