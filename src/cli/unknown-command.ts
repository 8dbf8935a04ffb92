import { usageError, type BootpackError } from '../errors.js'
import { escapePath } from '../trace/escape-path.js'
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
  return usageError('unknown-command', `There is no command ${escapePath(topic ? `${first} ${second}` : first)}.`,
    meant === undefined ? `${bin}${topic ? ` ${first}` : ''} --help lists them.` : `Did you mean ${bin} ${meant}?`)
}

type Names = readonly (readonly string[])[]

function inTopic(topic: string, word: string, names: Names): string | undefined {
  const meant = nearest(word, names.flatMap((name) => (name[0] === topic ? name[1] ?? [] : [])))
  return meant === undefined ? undefined : `${topic} ${meant}`
}

/** Commands of two words are compared with two words, and by the last one, for who forgot the topic. */
function anywhere(words: readonly string[], names: Names): string | undefined {
  const ofLength = (length: number): string | undefined =>
    nearest(words.slice(0, length).join(' '), names.filter((name) => name.length === length).map((name) => name.join(' ')))
  return ofLength(2) ?? ofLength(1) ?? names.find((name) => name.length > 1 && name[1] === words[0])?.join(' ')
}
