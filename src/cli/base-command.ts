import { Command } from '@oclif/core'
import { BootpackError, exitCode } from '../errors.js'
import { escapePath } from '../trace/escape-path.js'
import { jsonText } from './json-text.js'
import { slipOf } from './slip.js'
import { errorJson, tellError } from './tell-error.js'

/**
 * What every command shares: --json, errors as two sentences (what is wrong, what
 * to do) with the exit code of their family, and an abort signal that Ctrl-C or a
 * polite kill raises, so that what was begun is finished first.
 */
export abstract class BootpackCommand extends Command {
  static override enableJsonFlag = true

  private readonly aborter = new AbortController()

  /** Raised by SIGINT and SIGTERM once `abortable` was called. */
  protected get signal(): AbortSignal {
    return this.aborter.signal
  }

  /** From here on the first signal asks for an orderly stop; the second ends the process. */
  protected abortable(): void {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.once(name, () => {
        this.aborter.abort()
        process.stderr.write('\nFinishing what was begun; once more stops at once.\n')
      })
    }
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
    const error = thrown instanceof BootpackError ? thrown : slipOf(thrown, this.written, Object.keys({ ...this.ctor.baseFlags, ...this.ctor.flags }))
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
