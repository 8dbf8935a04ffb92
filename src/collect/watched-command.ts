/** The program that is run while a recorder listens. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { ioError, usageError, type BootpackError } from '../errors.js'
import { escapePath } from '../text/escape-path.js'

export interface CommandEnd {
  /** Of its own, or 128 and the number of the signal that ended it, as shells have it. */
  readonly exitCode: number
  readonly signal?: string
}

export interface WatchedCommand {
  readonly pid: number
  readonly ended: Promise<CommandEnd>
}

/**
 * Starts it with our terminal. A polite kill of ours is handed on; Ctrl-C reaches it
 * by itself.
 * @param words       program and arguments; no shell
 * @param keepStdout  what it prints goes to stderr, because stdout is for the result
 * @throws usage when it cannot be started
 */
export async function startCommand(words: readonly string[], keepStdout: boolean): Promise<WatchedCommand> {
  const [program, ...rest] = words
  const child = spawn(program!, rest, { stdio: ['inherit', keepStdout ? 2 : 'inherit', 'inherit'] })
  const { pid } = child
  if (pid === undefined)
    throw await new Promise<BootpackError>((resolve) =>
      child.on('error', (error) => resolve(notStarted(program!, error))),
    )
  let asked = false
  const handOn = (name: 'SIGINT' | 'SIGTERM'): void => {
    if (name === 'SIGTERM' || !process.stdin.isTTY) child.kill(name)
    // Whoever asks twice does not want to wait for it.
    if (asked) process.exit(128 + constants.signals[name])
    asked = true
  }
  process.on('SIGTERM', handOn)
  process.on('SIGINT', handOn)
  const ended = new Promise<CommandEnd>((resolve, reject) => {
    child.on('error', (error) => reject(ioError(`${escapePath(program!)} cannot be controlled.`, error)))
    child.on('close', (code, signal) => {
      process.off('SIGTERM', handOn)
      process.off('SIGINT', handOn)
      resolve(signal === null ? { exitCode: code ?? 0 } : { exitCode: 128 + constants.signals[signal], signal })
    })
  })
  // Whoever waits for it hears of it; nobody may be waiting yet.
  ended.catch(() => {})
  return { pid, ended }
}

function notStarted(program: string, error: NodeJS.ErrnoException): BootpackError {
  const shown = escapePath(program)
  if (error.code === 'ENOENT')
    return usageError('no-command', `There is no program ${shown}.`, 'Name a program and its arguments after --.')
  if (error.code === 'EACCES')
    return usageError(
      'no-command',
      `${shown} is no program that may be run.`,
      'Name a program and its arguments after --.',
    )
  return ioError(`${shown} cannot be started.`, error)
}
