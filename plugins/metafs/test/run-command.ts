/** Runs a command of this plugin from source, as a program of its own: `run-command.ts metafs mount …`. */
import MetafsMountCommand from '../src/commands/metafs/mount.js'

await MetafsMountCommand.run(process.argv.slice(4), { root: new URL('..', import.meta.url).pathname })
