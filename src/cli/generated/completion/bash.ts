/**
 * A completion for bash that needs no other package. Where nothing is offered, readline
 * completes file names itself, with all quoting right; `_bootpack_only` says that only
 * what is offered fits.
 */
import { e4defragEntry, spellings, type CommandEntry, type FlagEntry, type ValueKind } from '../command-table.js'
import { firstWords, isCommand, secondWords, topicNames } from './topics.js'

export function bashCompletion(table: readonly CommandEntry[], topics: ReadonlyMap<string, string>): string {
  const first = firstWords(table, topics).map(({ word }) => word)
  const topicCases = topicNames(table).map((topic) => {
    const words = secondWords(table, topic).map(({ word }) => word)
    if (!isCommand(table, topic))
      return `    ${topic})
      command="$topic $second"
      if ((at == 2)); then _bootpack_only '${words.join(' ')}' "$current"; return; fi ;;`
    // A command of its own, too: what is no word below it belongs to it.
    return `    ${topic})
      if ((at == 2)) && [[ $current != -* ]]; then COMPREPLY=($(compgen -W '${words.join(' ')}' -- "$current")); return; fi
      case $second in ${words.join('|')}) command="$topic $second" ;; esac ;;`
  })
  return `# bash completion for bootpack and e4defrag. Made by: bootpack completion bash
_bootpack_only() {
  compopt +o default +o bashdefault 2>/dev/null
  COMPREPLY=($(compgen -W "$1" -- "$2"))
}

_bootpack_folders() {
  compopt +o default +o bashdefault -o dirnames 2>/dev/null
}

_bootpack() {
  local at=$COMP_CWORD i word
  local current=\${COMP_WORDS[at]} before=\${COMP_WORDS[at-1]}
  COMPREPLY=()
  # Behind a = the flag stands two words earlier, and the = may be the word itself.
  if [[ $current == = ]]; then current=; elif [[ $before == = ]]; then before=\${COMP_WORDS[at-2]}; fi
  for ((i = 1; i < at; i++)); do [[ \${COMP_WORDS[i]} == -- ]] && return; done
  if [[ \${COMP_WORDS[0]##*/} == e4defrag ]]; then
${flagCases(e4defragEntry, '    ')}
    return
  fi
  local topic=\${COMP_WORDS[1]} second=\${COMP_WORDS[2]} command=\${COMP_WORDS[1]}
  if ((at == 1)); then
    if [[ $current == -* ]]; then _bootpack_only '--help --version' "$current"; else _bootpack_only '${first.join(' ')}' "$current"; fi
    return
  fi
  case $topic in
${topicCases.join('\n')}
  esac
  case $command in
${table.map((command) => `    '${command.name}')\n${flagCases(command, '      ')} ;;`).join('\n')}
  esac
}

complete -o bashdefault -o default -F _bootpack bootpack
complete -o bashdefault -o default -F _bootpack e4defrag
`
}

function flagCases(command: CommandEntry, indent: string): string {
  const withValue = command.flags.filter(({ value }) => value !== undefined)
  const cases = withValue.map((flag) => `${indent}  ${spellings(flag).join('|')}) ${offer(flag.value!.kind)}return ;;`)
  const argument = command.arguments.at(-1)?.value
  return [
    ...(cases.length > 0 ? [`${indent}case $before in`, ...cases, `${indent}esac`] : []),
    `${indent}if [[ $current == -* ]]; then _bootpack_only '${command.flags.flatMap(longest).join(' ')}' "$current"; return; fi`,
    ...(argument === undefined
      ? [`${indent}_bootpack_only '' "$current"`]
      : argument === 'file'
        ? []
        : [`${indent}${offer(argument)}return`]),
  ].join('\n')
}

/** Letters are offered only where there is nothing longer. */
const longest = (flag: FlagEntry): string[] => {
  const all = spellings(flag)
  return flag.name === undefined ? all : all.filter((word) => word.startsWith('--'))
}

function offer(kind: ValueKind): string {
  if (kind === 'file') return ''
  if (kind === 'directory') return '_bootpack_folders; '
  return `_bootpack_only '${kind === 'other' ? '' : kind.join(' ')}' "$current"; `
}
