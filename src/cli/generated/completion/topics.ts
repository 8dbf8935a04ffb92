import type { CommandEntry } from '../command-table.js'

export interface Word {
  readonly word: string
  readonly summary: string
}

/** The words a command line may begin with: commands of one word, and topics. */
export function firstWords(table: readonly CommandEntry[], topics: ReadonlyMap<string, string>): Word[] {
  const words = new Map<string, string>()
  for (const { name, summary } of table) {
    const [first = ''] = name.split(' ')
    words.set(
      first,
      name === first
        ? summary
        : (topics.get(first) ??
            `commands: ${secondWords(table, first)
              .map(({ word }) => word)
              .join(', ')}`),
    )
  }
  return [...words].map(([word, summary]) => ({ word, summary }))
}

/** What may follow a topic. */
export const secondWords = (table: readonly CommandEntry[], topic: string): Word[] =>
  table
    .filter(({ name }) => name.startsWith(`${topic} `))
    .map(({ name, summary }) => ({ word: name.slice(topic.length + 1), summary }))

export const topicNames = (table: readonly CommandEntry[]): string[] => [
  ...new Set(table.flatMap(({ name }) => (name.includes(' ') ? name.split(' ')[0]! : []))),
]

/** Whether a topic's name alone is a command, too. */
export const isCommand = (table: readonly CommandEntry[], topic: string): boolean =>
  table.some(({ name }) => name === topic)
