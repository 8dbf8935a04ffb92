import type { BootpackError } from '../../errors.js'
import { escapePath } from '../../text/escape-path.js'
import { jsonText } from '../../text/json-text.js'

/** What is wrong and what to do, on stderr, safe for a terminal. */
export function tellError(error: BootpackError): void {
  process.stderr.write(`bootpack: ${escapePath(error.message)}\n`)
  if (error.next !== undefined) process.stderr.write(`${error.next.split('\n').map(escapePath).join('\n')}\n`)
  if ((error.family === 'io' || error.code === 'no-permission') && error.cause instanceof Error)
    process.stderr.write(`(${escapePath(error.cause.message)})\n`)
}

/** The same for programs. */
export const errorJson = ({ family, code, message, next, structure, number, exitCode }: BootpackError): string =>
  jsonText({ error: { family, code, message, next, structure, number }, exitCode })
