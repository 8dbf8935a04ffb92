/**
 * oclif.manifest.json: what the commands of a package are called and take, written by
 * the build so that starting does not load them all. A package that was installed
 * never changes. A checkout does: there a manifest counts only while it is no older
 * than what the compiler wrote last, and no manifest counts that does not name
 * exactly the command files that are there.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

export const manifestName = 'oclif.manifest.json'

/**
 * @param root of the package whose manifest it is
 * @param builds roots of the packages whose code it tells of: its own, and bootpack for a plugin
 * @param commands names in the manifest, such as trace:show
 */
export function isManifestFresh(root: string, builds: readonly string[], commands: readonly string[]): boolean {
  const written = modified(join(root, manifestName))
  for (const build of builds) {
    if (existsSync(join(build, 'tsconfig.json')) && modified(join(build, 'dist/.tsbuildinfo')) > written) return false
  }
  const there = commandFiles(join(root, 'dist/commands'))
  return there.length === commands.length && there.every((name) => commands.includes(name))
}

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

const commandFiles = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.js'))
    .map((path) => path.slice(0, -'.js'.length).replaceAll('/', ':'))
