/** The systemd unit that prepares the way down. It does nothing until then. */
import { unitWord } from '../collect/setup/unit.js'
import { usageError } from '../errors.js'
import { stateFolder } from './places.js'

export const unitName = 'bootpack-shutdown.service'

/** The first line, by which it is known again. */
export const marker = '# Written by bootpack; bootpack shutdown cancel takes it away.'

/** Seconds to put the environment together; an old disk reads a hundred megabytes meanwhile. */
const timeToPrepare = 120

/**
 * @param template share/shutdown/bootpack-shutdown.service
 * @param program words that start bootpack, the first an absolute path
 * @throws usage when a unit cannot name one of them
 */
export function unitText(template: string, program: readonly string[]): string {
  const paths = program.filter((word) => word.startsWith('/'))
  if (!program[0]?.startsWith('/')) throw usageError('bad-program', 'The program of a unit must be an absolute path.')
  const values: Readonly<Record<string, string>> = {
    '@STATE@': stateFolder,
    '@MOUNTS@': paths.map(unitWord).join(' '),
    '@PROGRAM@': [...program, 'shutdown', 'prepare'].map(unitWord).join(' '),
    '@TIMEOUT@': String(timeToPrepare),
  }
  return template.replace(/@[A-Z]+@/g, (name) => values[name]!)
}
