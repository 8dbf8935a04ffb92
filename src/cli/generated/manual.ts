/** Pages for man(1), made from the table of commands: one for the program, one for each command, as git has them. */
import { spellings, type CommandEntry, type FlagEntry } from './command-table.js'

export interface ManualPage {
  /** Such as bootpack-trace-show.1. */
  readonly file: string
  /** In the language of man(7). */
  readonly text: string
}

export interface ManualFacts {
  readonly version: string
  /** Day of the page, as 2026-11-20. */
  readonly date: string
  /** One sentence on the program. */
  readonly summary: string
  readonly description: string
}

const exitCodes: readonly (readonly [string, string])[] = [
  ['0', 'all done'],
  ['1', 'a bug, or reading or writing failed'],
  ['2', 'bad usage'],
  ['3', 'done in part'],
  ['4', 'nothing to gain, nothing was written'],
  ['5', 'refused, because it would not be safe or is not supported'],
  ['6', 'corrupt input'],
  ['7', 'no space'],
  ['130', 'interrupted, and left consistent'],
]

export function manual(table: readonly CommandEntry[], e4defrag: CommandEntry, facts: ManualFacts): ManualPage[] {
  return [
    { file: 'bootpack.1', text: programPage(table, facts) },
    ...table.map((command) => ({ file: `${pageName(command)}.1`, text: commandPage(command, facts) })),
    {
      file: 'e4defrag.8',
      text: page('e4defrag', 8, facts, [
        section('NAME'),
        `e4defrag \\- ${escaped(lower(e4defrag.summary))}`,
        section('SYNOPSIS'),
        synopsis('e4defrag', e4defrag),
        ...body(e4defrag),
        section('SEE ALSO'),
        '.BR bootpack (1),\n.BR filefrag (8),\n.BR e2freefrag (8)',
      ]),
    },
  ]
}

const pageName = ({ name }: CommandEntry): string => `bootpack-${name.replaceAll(' ', '-')}`

function programPage(table: readonly CommandEntry[], facts: ManualFacts): string {
  const global = table.find(({ flags }) => flags.some((flag) => flag.global))?.flags.filter((flag) => flag.global) ?? []
  return page('bootpack', 1, facts, [
    section('NAME'),
    `bootpack \\- ${escaped(lower(facts.summary))}`,
    section('SYNOPSIS'),
    '.B bootpack\n.I COMMAND\n.RI [ ARGUMENTS ]',
    section('DESCRIPTION'),
    paragraphs(facts.description),
    section('COMMANDS'),
    ...table.map((command) => `.TP\n.BR ${escaped(pageName(command))} (1)\n${escaped(command.summary)}`),
    section('OPTIONS OF EVERY COMMAND'),
    ...global.map(option),
    '.TP\n.B \\-\\-help\nSay what the command does and takes.',
    section('EXIT STATUS'),
    exitStatus(),
    section('EXAMPLES'),
    example('bootpack pack disk.img --trace boot.trace --evict').replace(/^\.PP\n/, ''),
    example('bootpack help pack'),
    section('SEE ALSO'),
    '.BR e4defrag (8),\n.BR ext4 (5),\n.BR debugfs (8)',
  ])
}

const commandPage = (command: CommandEntry, facts: ManualFacts): string =>
  page(pageName(command), 1, facts, [
    section('NAME'),
    `${escaped(pageName(command))} \\- ${escaped(lower(command.summary))}`,
    section('SYNOPSIS'),
    synopsis(`bootpack ${command.name}`, command),
    ...body(command),
    section('EXIT STATUS'),
    exitStatus(),
    ...(command.examples.length > 0
      ? [section('EXAMPLES'), ...command.examples.map(example)].map((line, i) =>
          i === 1 ? line.replace(/^\.PP\n/, '') : line,
        )
      : []),
    section('SEE ALSO'),
    '.BR bootpack (1)',
  ])

function body(command: CommandEntry): string[] {
  return [
    section('DESCRIPTION'),
    paragraphs(`${command.summary}\n\n${command.description}`.trim()),
    ...(command.arguments.length === 0
      ? []
      : [
          section('ARGUMENTS'),
          ...command.arguments.map(
            ({ name, description, value }) =>
              `.TP\n.I ${escaped(name.toUpperCase())}\n${escaped(sentence(typeof value === 'object' && description === '' ? value.join(', ') : description))}`,
          ),
        ]),
    ...(command.flags.length === 0 ? [] : [section('OPTIONS'), ...command.flags.map(option)]),
  ]
}

const page = (name: string, chapter: number, { version, date }: ManualFacts, parts: readonly string[]): string =>
  `.TH ${name.toUpperCase().replaceAll('-', '\\-')} ${chapter} ${date} "bootpack ${version}"\n${parts.join('\n')}\n`

const section = (title: string): string => `.SH ${title.includes(' ') ? `"${title}"` : title}`

function synopsis(program: string, { arguments: args, variadic, flags }: CommandEntry): string {
  const needed = flags
    .filter(({ required }) => required)
    .map((flag) => `.B ${escaped(spellings(flag)[0]!)}\n.I ${escaped(flag.value?.placeholder ?? '')}`)
  const words = args.map(({ name, required }, i) => {
    const word = `${escaped(name.toUpperCase())}${variadic && i === args.length - 1 ? ' ...' : ''}`
    return required ? `.I "${word}"` : `.RI [ "${word}" ]`
  })
  return [`.B ${escaped(program)}`, ...needed, '.RI [ OPTIONS ]', ...words].join('\n')
}

function option(flag: FlagEntry): string {
  const value = flag.value === undefined ? '' : ` \\fI${escaped(flag.value.placeholder)}\\fR`
  const words = spellings(flag)
    .map((word) => `\\fB${escaped(word)}\\fR${value}`)
    .join(', ')
  const more = [
    ...(flag.required ? ['Needed.'] : []),
    ...(flag.default === undefined || flag.negatable ? [] : [`Default: ${flag.default}.`]),
    ...(flag.multiple ? ['May be given several times.'] : []),
  ]
  return `.TP\n${words}\n${escaped([sentence(flag.description), ...more].join(' '))}`
}

const exitStatus = (): string => exitCodes.map(([code, meaning]) => `.TP\n.B ${code}\n${escaped(meaning)}`).join('\n')

const example = (line: string): string => `.PP\n.in +4n\n.EX\n${escaped(line)}\n.EE\n.in`

/** Blank lines part paragraphs; inside them man(1) breaks the lines itself. */
const paragraphs = (text: string): string =>
  text
    .split(/\n{2,}/)
    .map((paragraph) => escaped(paragraph))
    .join('\n.PP\n')

/** A line of text that man takes for text. */
const escaped = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('"', '\\(dq')
    .split('\n')
    .map((line) => (/^[.]/.test(line) ? `\\&${line}` : line))
    .join('\n')

const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, '')
const sentence = (text: string): string =>
  text === '' ? '' : `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, '')}.`
