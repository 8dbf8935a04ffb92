/** A completion for fish: a line for each word, with the condition under which it is offered. */
import { e4defragEntry, type CommandEntry, type FlagEntry, type ValueKind } from '../command-table.js'
import { firstWords, secondWords, topicNames } from './topics.js'

export function fishCompletion(table: readonly CommandEntry[], topics: ReadonlyMap<string, string>): string {
  const lines = [
    '# fish completion for bootpack and e4defrag. Made by: bootpack completion fish',
    '# The words before the one that is completed, without flags, begin with these and no more than so many are asked for.',
    'function __bootpack_at',
    '  set -l words (commandline -opc)[2..-1]',
    '  set -l count (count $argv)',
    '  test (count $words) -ge $count; or return 1',
    '  for i in (seq $count)',
    '    test "$words[$i]" = "$argv[$i]"; or return 1',
    '  end',
    'end',
    'function __bootpack_just',
    '  __bootpack_at $argv; and test (count (commandline -opc)) -eq (math (count $argv) + 1)',
    'end',
    'complete -c bootpack -f',
    "complete -c bootpack -n __bootpack_just -l help -d 'how it is used'",
    "complete -c bootpack -n __bootpack_just -l version -d 'which version this is'",
    ...firstWords(table, topics).map(
      ({ word, summary }) => `complete -c bootpack -n __bootpack_just -a ${word} -d ${single(summary)}`,
    ),
    ...topicNames(table).flatMap((topic) =>
      secondWords(table, topic).map(
        ({ word, summary }) => `complete -c bootpack -n '__bootpack_just ${topic}' -a ${word} -d ${single(summary)}`,
      ),
    ),
    ...table.flatMap((command) => commandLines('bootpack', `-n '${whenAt(table, command.name)}'`, command)),
    ...commandLines('e4defrag', '', e4defragEntry),
  ]
  return `${lines.join('\n')}\n`
}

/** Behind a command's words, and not behind those of one below it. */
const whenAt = (table: readonly CommandEntry[], name: string): string =>
  [
    `__bootpack_at ${name}`,
    ...table.filter((other) => other.name.startsWith(`${name} `)).map((other) => `not __bootpack_at ${other.name}`),
  ].join('; and ')

const single = (text: string): string => `'${text.replaceAll(/[\\']/g, (each) => `\\${each}`)}'`

function commandLines(program: string, condition: string, command: CommandEntry): string[] {
  const begin = `complete -c ${program}${condition === '' ? '' : ` ${condition}`}`
  const value = command.arguments.at(-1)?.value
  return [
    ...(value === 'file'
      ? [`${begin} -F`]
      : typeof value === 'object'
        ? [`${begin} -f -a ${single(value.join(' '))}`]
        : []),
    ...command.flags.map((flag) => `${begin} ${flagWords(flag)} -d ${single(flag.description)}`),
    ...command.flags
      .filter(({ negatable }) => negatable)
      .map((flag) => `${begin} -l no-${flag.name} -d ${single(`not: ${flag.description}`)}`),
  ]
}

const flagWords = (flag: FlagEntry): string =>
  [
    ...(flag.name === undefined ? [] : [`-l ${flag.name}`]),
    ...(flag.char === undefined ? [] : [`-s ${flag.char}`]),
    ...(flag.value === undefined ? [] : [valueWords(flag.value.kind)]),
  ].join(' ')

function valueWords(kind: ValueKind): string {
  if (kind === 'file') return '-r -F'
  if (kind === 'directory') return `-x -a '(__fish_complete_directories)'`
  return typeof kind === 'object' ? `-x -a ${single(kind.join(' '))}` : '-x'
}
