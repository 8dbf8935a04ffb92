import { usageError, type BootpackError } from '../../errors.js'
import { escapePath } from '../../text/escape-path.js'
import { nearest } from './nearest.js'

/**
 * @param words of the command line that are no flags
 * @param ids   of all commands, such as trace:show
 */
export function unknownCommand(words: readonly string[], ids: readonly string[], bin: string): BootpackError {
  const names = ids.map((id) => id.split(':'))
  const [first = '', second = ''] = words
  const topic = names.some((name) => name.length > 1 && name[0] === first)
  const meant = topic ? inTopic(first, second, names) : anywhere(words, names)
  const found = meant.map((name) => `${bin} ${name}`).join(' or ')
  return usageError(
    'unknown-command',
    `There is no command ${escapePath(topic ? `${first} ${second}` : first)}.`,
    found === '' ? `${bin}${topic ? ` ${first}` : ''} --help lists them.` : `Did you mean ${found}?`,
  )
}

type Names = readonly (readonly string[])[]

function inTopic(topic: string, word: string, names: Names): string[] {
  const meant = nearest(
    word,
    names.flatMap((name) => (name[0] === topic ? (name[1] ?? []) : [])),
  )
  return meant === undefined ? [] : [`${topic} ${meant}`]
}

/** Commands of two words are compared with two words, and by the last one, for who forgot the topic. */
function anywhere(words: readonly string[], names: Names): string[] {
  const ofLength = (length: number): string | undefined =>
    nearest(
      words.slice(0, length).join(' '),
      names.filter((name) => name.length === length).map((name) => name.join(' ')),
    )
  const near = ofLength(2) ?? ofLength(1)
  return near === undefined
    ? names.filter((name) => name.length > 1 && name[1] === words[0]).map((name) => name.join(' '))
    : [near]
}
