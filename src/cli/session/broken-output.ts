import { exitCode, ioError } from '../../errors.js'
import { tellError } from '../render/tell-error.js'

/**
 * Standard output that cannot be written, as on a full disk, is told at the end and ends
 * with 1: what a command has begun on a filesystem is finished first. A reader who has seen
 * enough (`| head`) is no error. oclif's own listener would throw, wherever the command is.
 */
export function tellBrokenOutput(): void {
  let failure: NodeJS.ErrnoException | undefined
  process.stdout.removeAllListeners('error')
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') failure ??= error
  })
  process.on('exit', (code) => {
    // With 1 the command has told it itself.
    if (failure === undefined || code === exitCode.failure) return
    tellError(ioError('Standard output could not be written to its end.', failure))
    if (code === exitCode.done || code === exitCode.partial || code === exitCode.nothingToGain)
      process.exitCode = exitCode.failure
  })
}
