/**
 * Names and lines of other people's files as they may be shown on a terminal: one
 * line, nothing the terminal obeys, nothing that turns the direction of writing.
 * Backslashes stay as they are, because systemd's names are full of `\x2d`.
 */
import { unsafeCharacters } from './unsafe-characters.js'

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

const escapeOne = (character: string): string => {
  const code = character.charCodeAt(0)
  return named[character] ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`)
}

/** @returns `text` with control characters written as `\n`, `\x1b`, `\u{202e}` */
export const escapePath = (text: string): string => text.replace(unsafeCharacters, escapeOne)

/**
 * A piece of a foreign line, fit to be shown.
 * @param longest characters before escaping; a longer text ends in an ellipsis
 */
export const excerpt = (text: string, longest = 120): string =>
  text.length > longest ? `${escapePath(text.slice(0, longest))}…` : escapePath(text)
