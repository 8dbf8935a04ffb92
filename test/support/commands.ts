/** The table of all commands, as the built program has it. */
import { Config } from '@oclif/core'
import { home, loadPlugins } from '../../src/cli/session/launch.js'
import { commandTable, type CommandEntry } from '../../src/cli/generated/command-table.js'

export async function allCommands(): Promise<CommandEntry[]> {
  const config = await Config.load({ root: home, plugins: await loadPlugins(), userPlugins: false, devPlugins: false })
  return commandTable(config.commands, config.bin)
}
