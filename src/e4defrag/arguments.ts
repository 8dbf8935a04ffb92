import { fromUtf8 } from './bytes-text.js'

/** What the command line asks for. */
export interface Arguments {
  /** -c: only look. */
  readonly check: boolean
  /** -v: a line and a reason for each file, totals. */
  readonly verbose: boolean
  /** -r: put the files below each directory behind each other, from the directory's first block. */
  readonly relocate: boolean
  /** -f: others may be moved out of the way for that. */
  readonly force: boolean
  /** --trace: the order of the files for -r. */
  readonly trace: string | undefined
  readonly targets: readonly string[]
}

export const usage = `Usage\t: e4defrag [-v] file...| directory...| device...
\t: e4defrag  -c  file...| directory...| device...
\t: e4defrag  -r  [-f] [-v] [--trace file] directory...
`

/**
 * As getopt reads it: letters may be joined, options may follow targets, `--` ends them.
 * @returns the usage error in words instead when there is one; '' for none beyond the usage itself
 */
export function parseArguments(given: readonly string[]): Arguments | string {
  const letters = new Set<string>()
  const targets: string[] = []
  let trace: string | undefined
  for (let i = 0; i < given.length; i++) {
    const word = given[i]!
    if (word === '--') {
      targets.push(...given.slice(i + 1))
      break
    }
    if (word === '--trace' || word.startsWith('--trace=')) {
      trace = word === '--trace' ? given[++i] : word.slice('--trace='.length)
      if (trace === undefined) return "e4defrag: option '--trace' requires an argument\n"
      continue
    }
    if (word.startsWith('--')) return `e4defrag: unrecognized option '${word}'\n`
    if (!word.startsWith('-') || word === '-') {
      targets.push(word)
      continue
    }
    for (const letter of word.slice(1)) {
      if (!'cvrf'.includes(letter)) return `e4defrag: invalid option -- '${letter}'\n`
      letters.add(letter)
    }
  }
  if (targets.length === 0) return ''
  const relocate = letters.has('r')
  if (relocate && letters.has('c')) return 'e4defrag: -c looks and -r moves: one of them\n'
  if (!relocate && (letters.has('f') || trace !== undefined)) return 'e4defrag: -f and --trace go with -r\n'
  return {
    check: letters.has('c'),
    verbose: letters.has('v'),
    relocate,
    force: letters.has('f'),
    trace,
    targets: targets.map(fromUtf8),
  }
}
