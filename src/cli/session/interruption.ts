/**
 * Ctrl-C and a polite kill. A command that changes something asks for an orderly stop
 * and finishes what it has begun; any other command has nothing to finish and ends at
 * once. Either says what it leaves behind, and the exit code is 130.
 */
import { exitCode } from '../../errors.js'

const signals = ['SIGINT', 'SIGTERM'] as const

/**
 * For commands that only read: says that nothing was changed, and ends. Whoever else
 * listens is left to decide.
 * @returns call it when the command has something to finish
 */
export function endWhenInterrupted(): () => void {
  const listeners = signals.map((name) => {
    let passedOn = false
    const listener = (): void => {
      // Whoever listens too has something to finish, or to take back on the way out.
      if (process.listenerCount(name) > 1) passedOn = true
      else if (passedOn) {
        // The orderly stop was asked for before; now it is to stop at once, as by the signal itself.
        process.off(name, listener)
        process.kill(process.pid, name)
      } else {
        process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}Interrupted; nothing was changed.\n`)
        process.exit(exitCode.interrupted)
      }
    }
    process.on(name, listener)
    return () => {
      process.off(name, listener)
    }
  })
  return () => {
    for (const stop of listeners) stop()
  }
}

/** From here on the first signal raises the abort signal, and the second ends the process. */
export function abortWhenInterrupted(aborter: AbortController): void {
  for (const name of signals) {
    process.once(name, () => {
      aborter.abort()
      process.stderr.write(
        `${process.stderr.isTTY ? '\r\u001b[K' : ''}Finishing what was begun; once more stops at once.\n`,
      )
    })
  }
}
