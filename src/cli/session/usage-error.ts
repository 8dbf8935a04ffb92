/**
 * What oclif's parser says about a wrong command line, as an error of our own: two
 * sentences, exit 2, and the same fields with --json as every other error.
 */
import { usageError, type BootpackError } from '../../errors.js'
import { escapePath } from '../../text/escape-path.js'
import { nearest } from './nearest.js'

/** The fields of oclif's errors that are read here. */
interface ParserError extends Error {
  readonly code?: string
  readonly oclif?: { readonly exit?: number }
  /** Flags that do not exist. */
  readonly flags?: unknown
  /** Arguments that are missing. */
  readonly args?: unknown
}

/**
 * @param command as it is written, such as `bootpack trace show`
 * @param flags   names of those it takes
 * @returns undefined when the error is not about the command line
 */
export function slipOf(error: ParserError, command: string, flags: readonly string[]): BootpackError | undefined {
  if (error.oclif?.exit !== 2 || error.code === 'EEXIT') return undefined
  const help = `See ${command} --help.`
  if (Array.isArray(error.flags)) {
    const words = error.flags.map(String)
    const meant = words[0] === undefined ? undefined : nearestFlag(words[0], flags)
    return usageError(
      'unknown-flag',
      `${command} has no flag ${words.map(escapePath).join(', ')}.`,
      meant === undefined ? help : `Did you mean ${meant}?`,
    )
  }
  if (error.constructor.name === 'RequiredArgsError' && Array.isArray(error.args)) {
    const missing = error.args as { readonly name: string; readonly description?: string }[]
    const named = missing.map(
      ({ name, description }) => `${name.toUpperCase()}${description === undefined ? '' : ` (${description})`}`,
    )
    return usageError('missing-argument', `${command} needs ${named.join(' and ')}.`, help)
  }
  const text = error.message
    .replaceAll('\u001b[2m', '')
    .replaceAll('\u001b[22m', '')
    .replace(/\nSee more help with --help$/, '')
  const choice = /^Expected (?:--([\w-]+)=)?([^]*) to be one of: (.+)$/.exec(text)
  if (choice) {
    const [, flag, word = '', options = ''] = choice
    const meant = nearest(word, options.split(', '))
    return usageError(
      'unknown-value',
      `${flag === undefined ? command : `--${flag}`} takes ${options.split(', ').join(' | ')}, not ${escapePath(word)}.`,
      meant === undefined ? help : `Did you mean ${meant}?`,
    )
  }
  const reasons = text
    .replace(/^The following errors? occurred:/, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const missing = reasons.map((reason) => /^Missing required flag (.+)$/.exec(reason)?.[1])
  if (reasons.length > 0 && !missing.includes(undefined))
    return usageError('missing-flag', `${command} needs ${missing.map((name) => `--${name}`).join(' and ')}.`, help)
  const together =
    reasons.length === 1
      ? /^All of the following must be provided when using (--\S+): (--[^,]+)$/.exec(reasons[0]!)
      : null
  if (together) return usageError('bad-usage', `${together[1]} goes with ${together[2]} only.`, help)
  const apart =
    reasons.length === 1
      ? /^(--[\w-]+)(?:=[^]*)? cannot also be provided when using (--[\w-]+)$/.exec(reasons[0]!)
      : null
  if (apart) return usageError('bad-usage', `${apart[1]} and ${apart[2]} cannot be given together.`, help)
  return usageError(
    'bad-usage',
    `${reasons
      .join(' ')
      .replace(/^Parsing (--\S+) /, '$1: ')
      .replace(/\.$/, '')}.`,
    help,
  )
}

function nearestFlag(word: string, flags: readonly string[]): string | undefined {
  const [, dashes = '', name = '', value = ''] = /^(--?)(.*?)(=.*)?$/s.exec(word) ?? []
  if (dashes === '') return undefined
  const meant = nearest(name.toLowerCase(), flags)
  return meant === undefined ? undefined : `--${meant}${escapePath(value)}`
}
