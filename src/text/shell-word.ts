import { isUnsafe } from './unsafe-characters.js'

/**
 * A word as a shell takes it, unchanged where nothing in it means anything to a
 * shell. Control bytes come out escaped, so that a sentence with a hostile file
 * name in it can be shown on a terminal.
 */
export function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word) && !word.startsWith('-')) return word
  const named = word.startsWith('-') ? `./${word}` : word
  if (!isUnsafe(named)) return `'${named.replaceAll("'", `'\\''`)}'`
  const escaped = [...Buffer.from(named)].map((byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x27 || byte === 0x5c
      ? `\\x${byte.toString(16).padStart(2, '0')}`
      : String.fromCharCode(byte),
  )
  return `$'${escaped.join('')}'`
}
