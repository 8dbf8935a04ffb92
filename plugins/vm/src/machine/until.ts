/** When a boot counts as done: some text on the console, or a time. */
import { usageError } from 'bootpack/engine'

export type Until =
  | { readonly kind: 'text'; readonly given: string; readonly matches: (line: string) => boolean }
  | { readonly kind: 'seconds'; readonly given: string; readonly seconds: number }

/** A day. */
const longest = 86_400

/**
 * A number is seconds; `/…/`, with an i behind it for either case, is a regular
 * expression; all else is text that a line must contain.
 * @throws usage when it is empty, or no regular expression, or longer than a day
 */
export function parseUntil(given: string): Until {
  if (given === '')
    throw usageError('bad-until', '--until is empty.', 'Give a text the console will show, or a number of seconds.')
  if (/^\d+(\.\d+)?s?$/.test(given)) {
    const seconds = parseFloat(given)
    if (seconds === 0 || seconds > longest)
      throw usageError('bad-until', `--until ${given} is no time to wait: more than 0 and at most ${longest} seconds.`)
    return { kind: 'seconds', given, seconds }
  }
  const expression = /^\/(.+)\/(i?)$/.exec(given)
  if (!expression) return { kind: 'text', given, matches: (line) => line.includes(given) }
  let pattern: RegExp
  try {
    pattern = new RegExp(expression[1]!, expression[2])
  } catch (error) {
    throw usageError(
      'bad-until',
      `--until ${given} is no regular expression: ${error instanceof Error ? error.message : String(error)}.`,
    )
  }
  return { kind: 'text', given, matches: (line) => pattern.test(line) }
}
