import { Command } from '@oclif/core'
import { BootpackError, exitCode } from '../errors.js'
import { escapePath } from '../trace/escape-path.js'

/** DEL, C1 controls, line separators and what turns the direction of writing. */
const obeyed = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

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

  /** JSON leaves some characters as they are that a terminal obeys; written as escapes they mean the same to a parser. */
  override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json, undefined, 2).replace(obeyed, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`)
  }

  protected override async catch(error: Error): Promise<void> {
    if (!(error instanceof BootpackError)) {
      // What oclif says repeats words of the command line, and those may be names that a shell found.
      for (const word of this.argv) error.message = error.message.replaceAll(word, escapePath(word))
      return super.catch(error)
    }
    process.exitCode = error.exitCode
    if (this.jsonEnabled()) {
      const { family, code, message, next, structure, number } = error
      this.logJson({ error: { family, code, message, next, structure, number }, exitCode: error.exitCode })
      return
    }
    process.stderr.write(`bootpack: ${escapePath(error.message)}\n`)
    if (error.next !== undefined) process.stderr.write(`${error.next.split('\n').map(escapePath).join('\n')}\n`)
    if (error.family === 'io' && error.cause instanceof Error) process.stderr.write(`(${escapePath(error.cause.message)})\n`)
  }
}

export { exitCode }
