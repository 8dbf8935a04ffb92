import type { Hook } from '@oclif/core'
import { errorJson, tellError } from '../cli/render/tell-error.js'
import { unknownCommand } from '../cli/session/unknown-command.js'

/** A command that does not exist: says which one is near. Asks nothing, so that scripts do not wait. */
const commandNotFound: Hook.CommandNotFound = async function ({ id, argv = [], config }) {
  const words = [...id.split(':'), ...argv].filter((word) => !word.startsWith('-'))
  const error = unknownCommand(words, config.commandIDs, config.bin)
  process.exitCode = error.exitCode
  if (argv.includes('--json')) process.stdout.write(`${errorJson(error)}\n`)
  else tellError(error)
}

export default commandNotFound
