/** A completion for zsh, in the words of its _arguments and _describe. */
import { e4defragEntry, type CommandEntry, type FlagEntry, type ValueKind } from '../command-table.js'
import { firstWords, isCommand, secondWords, topicNames, type Word } from './topics.js'

export function zshCompletion(table: readonly CommandEntry[], topics: ReadonlyMap<string, string>): string {
  return `#compdef bootpack e4defrag
# zsh completion for bootpack and e4defrag. Made by: bootpack completion zsh
_bootpack() {
  local -a offered
  local command
  if [[ $service == e4defrag ]]; then
${specs(e4defragEntry, '    ')}
    return
  fi
  if (( CURRENT == 2 )); then
    if [[ $PREFIX == -* ]]; then offered=(--help --version); compadd -a offered; return; fi
${offered(firstWords(table, topics), '    ')}
    return
  fi
  command=$words[2]
  case $command in
${topicNames(table)
  .map((topic) => topicCase(table, topic))
  .join('\n')}
  esac
  shift words; (( CURRENT-- ))
  case $command in
${table.map((command) => `    '${command.name}')\n${specs(command, '      ')} ;;`).join('\n')}
  esac
}

if [[ $funcstack[1] == _bootpack ]]; then _bootpack "$@"; else compdef _bootpack bootpack e4defrag; fi
`
}

function topicCase(table: readonly CommandEntry[], topic: string): string {
  const words = secondWords(table, topic)
  const alone = isCommand(table, topic)
  // Of a command of its own, too, what is no word below it is an argument.
  return `    ${topic})
      if (( CURRENT == 3 ))${alone ? ' && [[ $PREFIX != -* ]]' : ''}; then
${offered(words, '        ')}
        ${alone ? '_files\n        ' : ''}return
      fi
      ${alone ? `case $words[3] in ${words.map(({ word }) => word).join('|')})` : ''}
      command="$command $words[3]"
      shift words; (( CURRENT-- )) ;;${alone ? '\n      esac ;;' : ''}`
}

const single = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

const offered = (words: readonly Word[], indent: string): string =>
  [
    `${indent}offered=(`,
    ...words.map(({ word, summary }) => `${indent}  ${single(`${word.replaceAll(':', '\\:')}:${summary}`)}`),
    `${indent})`,
    `${indent}_describe command offered`,
  ].join('\n')

function specs(command: CommandEntry, indent: string): string {
  const lines = [
    ...command.flags.flatMap(flagSpecs),
    ...command.arguments.map(({ name, value }, i) =>
      single(`${command.variadic && i === command.arguments.length - 1 ? '*' : i + 1}:${name}:${action(value)}`),
    ),
  ]
  return `${indent}_arguments -s ${lines.map((line) => `\\\n${indent}  ${line}`).join(' ')}`
}

function flagSpecs(flag: FlagEntry): string[] {
  const told = `[${flag.description.replaceAll(/[[\]\\:]/g, (each) => `\\${each}`)}]`
  const value =
    flag.value === undefined ? '' : `:${flag.value.placeholder.replaceAll(':', '\\:')}:${action(flag.value.kind)}`
  const words = [
    ...(flag.name === undefined ? [] : [`--${flag.name}${flag.value ? '=' : ''}`]),
    ...(flag.char === undefined ? [] : [`-${flag.char}${flag.value ? '+' : ''}`]),
    ...(flag.negatable ? [`--no-${flag.name}`] : []),
  ]
  const apart = flag.multiple
    ? '*'
    : words.length > 1
      ? `(${words.map((word) => word.replace(/[=+]$/, '')).join(' ')})`
      : ''
  return words.map((word) => single(`${apart}${word}${told}${value}`))
}

function action(kind: ValueKind): string {
  if (kind === 'file') return '_files'
  if (kind === 'directory') return '_files -/'
  return kind === 'other' ? ' ' : `(${kind.join(' ')})`
}
