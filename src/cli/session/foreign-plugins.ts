/**
 * Plugins that do not come with bootpack: found in /etc/bootpack/plugins and in the folders
 * that BOOTPACK_PLUGINS names, and nowhere else. Never the current folder and never
 * anybody's home: bootpack runs as root, and what it loads runs as root with it. So root
 * loads only what nobody else can change, file by file and all the way up to /, and
 * takes no folders from the environment of whoever called sudo.
 *
 * A plugin that cannot be loaded, or would take the place of something that is there, is
 * left out with a sentence; everything else works as without it.
 */
import { Plugin } from '@oclif/core'
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { register } from 'node:module'
import { isAbsolute, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageChangeableByOthers } from '../../host/root-only.js'
import { escapePath } from '../../text/escape-path.js'

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Of the process; 0 is root. */
  readonly uid: number
  /** Where plugins are looked for without anybody saying so. */
  readonly folder: string
}

export const pluginFolder = '/etc/bootpack/plugins'

/** What a plugin may be asked besides its commands; hooks of oclif could change what other commands do. */
const ownHook = /^bootpack-/

/**
 * @param home  the folder of bootpack's package, which plugins are given when they import it
 * @param known plugins that are loaded already
 * @param note  is given a sentence for everything that is left out
 */
export async function loadForeignPlugins(
  home: string,
  known: readonly Plugin[],
  surroundings: Surroundings,
  note: (sentence: string) => void,
): Promise<Plugin[]> {
  const folders = pluginFolders(surroundings, note).flatMap((folder) => packagesIn(folder, note))
  if (folders.length === 0) return []
  const loaded: Plugin[] = []
  shareBootpack(home)
  const seen = new Set<string>()
  for (const folder of folders) {
    const real = existsSync(folder) ? realpathSync(folder) : folder
    if (seen.has(real)) continue
    seen.add(real)
    const plugin = untrusted(folder, surroundings.uid) ?? (await load(real, [...known, ...loaded]))
    if (typeof plugin === 'string') note(`The plugin in ${escapePath(folder)} is left out: ${plugin}.`)
    else loaded.push(plugin)
  }
  return loaded
}

function pluginFolders({ environment, uid, folder }: Surroundings, note: (sentence: string) => void): string[] {
  const named = (environment['BOOTPACK_PLUGINS'] ?? '').split(':').filter((each) => each !== '')
  const caller = environment['SUDO_UID'] ?? environment['PKEXEC_UID'] ?? environment['DOAS_USER']
  if (named.length > 0 && uid === 0 && caller !== undefined && caller !== '0' && caller !== 'root') {
    note(`BOOTPACK_PLUGINS is not root's own here and is ignored; put plugins for root into ${folder}.`)
    return [folder]
  }
  const relative = named.filter((each) => !isAbsolute(each))
  if (relative.length > 0)
    note(`BOOTPACK_PLUGINS names ${relative.map(escapePath).join(' and ')}, which is ignored: give absolute paths.`)
  return [folder, ...named.filter((each) => isAbsolute(each))]
}

/** A folder is a plugin, or what npm installed plugins into, or holds plugins or links to them. */
function packagesIn(folder: string, note: (sentence: string) => void): string[] {
  try {
    const manifest = packageOf(folder)
    if (manifest?.oclif) return [folder]
    if (manifest?.dependencies)
      return Object.keys(manifest.dependencies).map((name) => join(folder, 'node_modules', name))
    return readdirSync(folder)
      .sort()
      .map((name) => join(folder, name))
      .filter((path) => existsSync(join(path, 'package.json')))
  } catch (error) {
    // That there are no plugins is no news; that a folder was named and is not there, or not to be read, is.
    if (folder !== pluginFolder || (error as NodeJS.ErrnoException).code !== 'ENOENT')
      note(`No plugins are read from ${escapePath(folder)} (${escapePath((error as Error).message)}).`)
    return []
  }
}

interface PackageFile {
  readonly oclif?: unknown
  readonly dependencies?: Readonly<Record<string, string>>
}

/** @returns undefined when the folder is no package */
function packageOf(folder: string): PackageFile | undefined {
  const path = join(folder, 'package.json')
  if (!existsSync(path)) return undefined
  const found: unknown = JSON.parse(readFileSync(path, 'utf8'))
  return typeof found === 'object' && found !== null ? found : {}
}

/** Why what lies there must not be run by this user; undefined when it may. */
function untrusted(folder: string, uid: number): string | undefined {
  if (!existsSync(folder)) return 'it is not there'
  if (uid === 0) {
    const others = packageChangeableByOthers(folder)
    return others === undefined ? undefined : `others than root can change ${escapePath(others)}`
  }
  const { uid: owner, mode } = statSync(folder)
  if (owner !== uid && owner !== 0) return "it is neither yours nor root's"
  return (mode & 0o002) === 0 ? undefined : 'everybody can change it'
}

/** @returns a plugin, or why there is none */
async function load(folder: string, known: readonly Plugin[]): Promise<Plugin | string> {
  try {
    if (typeof packageOf(folder)?.oclif !== 'object') return 'its package.json has no section "oclif"'
    const plugin = new Plugin({ root: folder, type: 'user', errorOnManifestCreate: true })
    await plugin.load()
    return conflictOf(plugin, known) ?? plugin
  } catch (error) {
    return `it cannot be loaded (${escapePath((error as Error).message.split('\n')[0]!.replace(/\.$/, ''))})`
  }
}

/** What a plugin would take the place of; undefined when nothing. */
function conflictOf(plugin: Plugin, known: readonly Plugin[]): string | undefined {
  const same = known.find(({ name }) => name === plugin.name)
  if (same) return `a plugin with the name ${escapePath(plugin.name)} is loaded from ${escapePath(same.root)}`
  const hook = Object.keys(plugin.hooks).find((each) => !ownHook.test(each))
  if (hook !== undefined) return `it has the hook ${escapePath(hook)}, which could change what other commands do`
  const taken = new Map(known.flatMap((each) => namesOf(each).map((name) => [name, each.name] as const)))
  const clash = namesOf(plugin).find((name) => taken.has(name))
  return clash === undefined
    ? undefined
    : `${taken.get(clash)!} has a command "${escapePath(clash.replaceAll(':', ' '))}" already`
}

const namesOf = ({ commands }: Plugin): string[] =>
  commands.flatMap(({ id, aliases, hiddenAliases }) => [id, ...aliases, ...hiddenAliases])

/**
 * Plugins that import bootpack and oclif get those that run, not copies of their own, of
 * which neither errors nor commands would be known here.
 */
function shareBootpack(home: string): void {
  register(new URL('share-bootpack.js', import.meta.url), { data: pathToFileURL(join(home, 'package.json')).href })
}
