/** A command that goes on after its caller has got its prompt back. */
import { spawn } from 'node:child_process'
import { BootpackError } from 'bootpack'
import { errorFrom, ioError } from 'bootpack/engine'
import type { ToldError } from 'bootpack/types'

interface Told {
  readonly mounted?: unknown
  readonly error?: ToldError
}

/**
 * Runs this program again, on its own.
 * @param words the command and its arguments
 * @returns what it told its parent once it was ready
 * @throws what it told instead
 */
export function startInBackground(words: readonly string[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const script = process.argv[1]
    if (script === undefined) throw ioError('The program does not know its own name and cannot be started again.')
    const child = spawn(process.execPath, [...process.execArgv, script, ...words], {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    child.once('error', (cause) => reject(ioError('The program could not be started again.', cause)))
    child.once('exit', (status, signal) =>
      reject(ioError(`The program in the background ended early (${signal ?? status}).`)),
    )
    child.once('message', (told: Told) => {
      child.removeAllListeners('exit')
      child.disconnect()
      child.unref()
      if (told.error) reject(errorFrom(told.error))
      else resolve(told.mounted)
    })
  })
}

/** @returns false when nobody waits in the background's foreground */
export function tellParent(told: { readonly mounted?: unknown; readonly error?: unknown }): boolean {
  if (!process.send) return false
  const { error } = told
  const known =
    error instanceof BootpackError
      ? error
      : error === undefined
        ? undefined
        : ioError(error instanceof Error ? error.message : String(error))
  process.send(
    known
      ? { error: { family: known.family, code: known.code, message: known.message, next: known.next } }
      : { mounted: told.mounted },
  )
  process.disconnect?.()
  return true
}
