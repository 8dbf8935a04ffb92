/** Starts the command line: finds the packages that bring commands, and runs one. */
import { flush, handle, Plugin, run, type Interfaces } from '@oclif/core'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BootpackError } from '../../errors.js'
import { tellBrokenOutput } from './broken-output.js'
import { loadForeignPlugins, pluginFolder, type Surroundings } from './foreign-plugins.js'
import { isManifestFresh } from './manifest.js'
import { slipOf } from './usage-error.js'
import { tellError } from '../render/tell-error.js'
import { unknownCommand } from './unknown-command.js'

export const home = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

/** @param words of the command line, without the program */
export async function launch(words: readonly string[]): Promise<void> {
  // oclif would take colours from the home folder, and a root shell's home may be somebody's who is not root.
  process.env['BOOTPACK_DISABLE_THEME'] = '1'
  tellBrokenOutput()
  const plugins = await loadPlugins()
  const own = [...plugins.values()]
  for (const plugin of await loadForeignPlugins(home, own, surroundings(), tellNote)) plugins.set(plugin.name, plugin)
  try {
    await run([...words], { root: home, plugins, userPlugins: false, devPlugins: false })
    void flush()
  } catch (error) {
    const slip = slipIn(error as Error, words, [...plugins.values()])
    if (slip) {
      process.exitCode = slip.exitCode
      return tellError(slip)
    }
    await handle(error as Error)
  }
}

const surroundings = (): Surroundings => ({
  environment: process.env,
  uid: process.getuid?.() ?? 0,
  folder: pluginFolder,
})

const tellNote = (sentence: string): void => void process.stderr.write(`bootpack: ${sentence}\n`)

/** Commands of bootpack's own tell their slips themselves; the help command is oclif's, and repeats words as they are. */
function slipIn(error: Error, words: readonly string[], plugins: readonly Plugin[]): BootpackError | undefined {
  if (!/^Command [^]* not found\.$/.test(error.message)) return slipOf(error, 'bootpack help', [])
  return unknownCommand(
    words.slice(1).filter((word) => !word.startsWith('-')),
    plugins.flatMap(({ commandIDs }) => commandIDs),
    'bootpack',
  )
}

/** Those that come with bootpack: named in package.json, and installed. */
export async function loadPlugins(): Promise<Map<string, Plugin>> {
  const { oclif } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { oclif: { plugins: string[] } }
  const plugins = await Promise.all([
    loadPlugin({ root: home, isRoot: true }),
    ...oclif.plugins.map((name) => loadPlugin({ root: home, name, type: 'core' })),
  ])
  return new Map(plugins.flatMap((plugin) => (plugin ? [[plugin.name, plugin] as const] : [])))
}

async function loadPlugin(options: Interfaces.PluginOptions): Promise<Plugin | undefined> {
  const plugin = new Plugin(options)
  try {
    await plugin.load()
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('could not find package.json')) return undefined
    throw error
  }
  const ours = plugin.root === home || plugin.name.startsWith('@bootpack/')
  if (!ours || !plugin.hasManifest || isManifestFresh(plugin.root, [plugin.root, home], plugin.commandIDs))
    return plugin
  const anew = new Plugin({ ...options, ignoreManifest: true })
  await anew.load()
  return anew
}
