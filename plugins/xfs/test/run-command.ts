/** Runs a command of this plugin from source, as a program of its own: `run-command.ts fsr …`. */
import FsrCommand from '../src/commands/fsr.js'

await FsrCommand.run(process.argv.slice(3), { root: new URL('..', import.meta.url).pathname })
