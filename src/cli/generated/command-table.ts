/**
 * Every command with its arguments and flags, as plain data: what completions, man
 * pages and the snapshot of the interface are made of, so that none of them knows a
 * command by name.
 */
import type { Command } from '@oclif/core'

/** What may stand behind a flag or for an argument. */
export type ValueKind = 'file' | 'directory' | 'other' | readonly string[]

export interface ArgumentEntry {
  readonly name: string
  readonly description: string
  readonly required: boolean
  readonly value: ValueKind
}

export interface FlagEntry {
  /** Long name, without dashes; undefined where there is only a letter. */
  readonly name: string | undefined
  readonly char: string | undefined
  readonly description: string
  readonly required: boolean
  /** Every command takes it. */
  readonly global: boolean
  readonly multiple: boolean
  /** --no-NAME exists too. */
  readonly negatable: boolean
  readonly default: string | undefined
  /** Undefined for a switch. */
  readonly value: { readonly kind: ValueKind; readonly placeholder: string } | undefined
}

export interface CommandEntry {
  /** Without the program: `trace show`. */
  readonly name: string
  readonly summary: string
  readonly description: string
  readonly arguments: readonly ArgumentEntry[]
  /** The last argument may be given several times. */
  readonly variadic: boolean
  readonly flags: readonly FlagEntry[]
  /** Whole command lines, with the program. */
  readonly examples: readonly string[]
}

/** @param commands of a loaded configuration */
export function commandTable(commands: readonly Command.Loadable[], bin: string): CommandEntry[] {
  const shown = commands.filter(({ hidden }) => !hidden)
  const firstWords = [...new Set(shown.map(({ id }) => id.split(':')[0]!))].sort()
  return shown.map((command) => entry(command, bin, firstWords)).sort((a, b) => (a.name < b.name ? -1 : 1))
}

function entry(command: Command.Loadable, bin: string, firstWords: readonly string[]): CommandEntry {
  const filled = (text: string): string => text.replaceAll(/<%= *config\.bin *%>/g, bin)
  const [summary = '', ...more] =
    command.summary === undefined ? filled(command.description ?? '').split('\n') : [filled(command.summary)]
  return {
    name: command.id.replaceAll(':', ' '),
    summary,
    description: command.summary === undefined ? more.join('\n').trim() : filled(command.description ?? ''),
    arguments: Object.values(command.args)
      .filter(({ hidden }) => !hidden)
      .map((argument) => ({
        name: argument.name,
        description: argument.description ?? '',
        required: argument.required ?? false,
        value: argument.options ?? (command.id === 'help' ? firstWords : 'file'),
      })),
    variadic: command.strict === false,
    flags: Object.values(command.flags)
      .filter(({ hidden }) => !hidden)
      .map(flagEntry)
      .sort((a, b) => Number(a.global) - Number(b.global) || ((a.name ?? '') < (b.name ?? '') ? -1 : 1)),
    examples: (command.examples ?? []).map((example) =>
      filled(typeof example === 'string' ? example : example.command),
    ),
  }
}

function flagEntry(flag: Command.Flag.Cached): FlagEntry {
  const value =
    flag.type === 'option'
      ? { kind: flag.options ?? kindOf(String(flag.helpValue ?? '')), placeholder: placeholder(flag) }
      : undefined
  return {
    name: flag.name,
    char: flag.char,
    description: flag.description ?? '',
    required: flag.required ?? false,
    global: flag.helpGroup === 'GLOBAL',
    multiple: flag.type === 'option' && (flag.multiple ?? false),
    negatable: flag.type === 'boolean' && (flag.allowNo ?? false),
    default: flag.default === undefined || flag.default === false ? undefined : String(flag.default),
    value,
  }
}

const placeholder = (flag: Command.Flag.Cached & { type: 'option' }): string =>
  flag.helpValue !== undefined ? String(flag.helpValue) : flag.options ? flag.options.join('|') : 'VALUE'

/** The words the flags' help uses for values tell what they are. */
function kindOf(word: string): ValueKind {
  if (word === 'DIR') return 'directory'
  return /^(FILE|OUT|PLAN|TARGET|LEFTOFF|IMAGE|TRACE|[A-Z]+\.[a-z]+)$/.test(word) ? 'file' : 'other'
}

const letter = (char: string, description: string): FlagEntry => ({
  name: undefined,
  char,
  description,
  required: false,
  global: false,
  multiple: false,
  negatable: false,
  default: undefined,
  value: undefined,
})

/** The second program, which has no oclif. */
export const e4defragEntry: CommandEntry = {
  name: 'e4defrag',
  summary: "Defragment files of a mounted ext4 filesystem, or put a directory's files behind each other.",
  description: `Takes mainline's options, prints its lines and ends with its codes. A file that
did not improve is no success.

With -r every file below each directory is packed into one run, from the first
block of the directory, in the order of --trace or of the directories. With -f
other files may be moved out of the way.
Exit codes: 0 when a target had a success, else 1.`,
  arguments: [{ name: 'target', description: 'file, directory or device', required: true, value: 'file' }],
  variadic: true,
  flags: [
    letter('c', 'only look: the fragments, and a score'),
    letter('v', 'a line and a reason for each file, and totals'),
    letter('r', 'pack the files below each directory into one run'),
    letter('f', 'with -r: others may be moved out of the way'),
    {
      ...letter('', 'with -r: the order of the files, a trace or a list of paths'),
      name: 'trace',
      char: undefined,
      value: { kind: 'file', placeholder: 'FILE' },
    },
  ],
  examples: ['e4defrag -c /usr/lib', 'e4defrag -r /usr/lib', 'e4defrag -r -f --trace boot.trace /usr'],
}

/** All ways to write a flag on the command line, the long one first. */
export function spellings(flag: FlagEntry): string[] {
  return [
    ...(flag.name === undefined ? [] : [`--${flag.name}`]),
    ...(flag.negatable ? [`--no-${flag.name}`] : []),
    ...(flag.char === undefined ? [] : [`-${flag.char}`]),
  ]
}
