import { unsafeCharacters } from './unsafe-characters.js'

/** JSON leaves some characters as they are that a terminal obeys; written as escapes they mean the same to a parser. */
const escaped = (json: string): string =>
  json.replace(unsafeCharacters, (each) =>
    each === '\n' ? each : `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** A value as `--json` prints it. */
export const jsonText = (value: unknown): string => escaped(JSON.stringify(value, undefined, 2))

/** A name between double quotes, as it may be shown on a terminal and be read back. */
export const quoted = (name: string): string => escaped(JSON.stringify(name))
