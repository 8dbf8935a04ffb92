import { spellings, type CommandEntry } from './command-table.js'

/** The whole command line as text, a line for each word that can be written: what a change of the interface changes. */
export function interfaceText(table: readonly CommandEntry[]): string {
  return (
    table
      .map((command) =>
        [
          `${command.name}${command.variadic ? ' (last argument repeats)' : ''}`,
          ...command.arguments.map(
            ({ name, required, value }) =>
              `  ${required ? name.toUpperCase() : `[${name.toUpperCase()}]`}${kindText(value)}`,
          ),
          ...command.flags.map(
            (flag) =>
              `  ${[
                ...spellings(flag),
                ...(flag.value ? [`${flag.value.placeholder}${kindText(flag.value.kind)}`] : []),
                ...(flag.required ? ['needed'] : []),
                ...(flag.multiple ? ['repeats'] : []),
                ...(flag.default === undefined ? [] : [`= ${flag.default}`]),
              ].join(' ')}`,
          ),
        ].join('\n'),
      )
      .join('\n\n') + '\n'
  )
}

const kindText = (kind: CommandEntry['arguments'][number]['value']): string =>
  typeof kind === 'object' ? `: ${kind.join(' | ')}` : `: ${kind}`
